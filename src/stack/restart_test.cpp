// A process dies and another goes on with its memory: TIME-WAIT, ISNs and timestamps outlive it.
// The second stack counts its Instants from another origin, as a machine after a reboot would.
#include "stack/memory.h"
#include "stack/test_net.h"

namespace estab::stack {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using wire::kAck;
using wire::kFin;
using wire::kRst;
using wire::kSyn;

constexpr Endpoint at80{{}, {80}};
constexpr std::int64_t kBoot = 1700000000000000000;  // wall clock when the first process starts

struct Machine {
  explicit Machine(std::size_t slots = 64) : file(memory_size(slots)) {}
  // A new process, `later` after the first one began; its Instants start where they like.
  std::unique_ptr<Bench> process(Duration later, Duration origin, std::uint64_t seed) {
    Config c = test_config(seed);
    c.memory = file;
    c.wall_clock_ns = kBoot + later.count();
    auto b = std::make_unique<Bench>(std::move(c));
    b->now = Instant{} + origin;
    return b;
  }
  std::vector<std::uint8_t> file;
};

// The server closes first; the peer's FIN has come, its ACK may have been lost.
Peer leave_time_wait(Bench& b, std::uint16_t from = 5000, IpAddress address = ip4(9),
                     std::optional<std::uint32_t> timestamp = {}) {
  const ListenerId l = listen_on(*b.stack, at80, b.now);
  Peer p = peer_of(b, 80, from, address);
  p.timestamp = timestamp;
  p.connect();
  b->close(b->accept(l, b.now)->connection, false, b.now);
  b.run();
  EXPECT_EQ(p.expect().flags, kFin | kAck);
  p.send(kFin | kAck);
  EXPECT_EQ(p.expect().flags, kAck);
  EXPECT_EQ(b->totals().time_wait_records, 1u);
  return p;
}

TEST(Restart, time_wait_goes_on_where_it_was) {
  for (const IpAddress& address : {ip4(9), ip6(9)}) {
    Machine m;
    auto first = m.process(0s, 1000s, 1);
    const Peer old = leave_time_wait(*first, 5000, address);
    first->run(20s);
    first.reset();  // kill -9 would leave the same bytes: nothing is written at the end
    auto second = m.process(30s, 5s, 2);
    Bench& b = *second;
    EXPECT_THAT(b->memory_note(), IsEmpty());
    listen_on(*b.stack, at80, b.now);
    b.run();
    EXPECT_EQ(b->totals().time_wait_records, 1u);
    EXPECT_EQ(in_state(*b.stack, State::TimeWait), 1u);
    // The repeated FIN still gets its ACK, and 2 MSL start anew (L10).
    Peer p{b, old.tuple, old.seq - 1, old.ack};
    p.send(kFin | kAck);
    const wire::Segment ack = p.expect();
    EXPECT_EQ(ack.flags, kAck);
    EXPECT_EQ(ack.ack.value, old.seq);
    EXPECT_EQ(ack.seq.value, old.ack);
    b.run(59s);
    EXPECT_EQ(b->totals().time_wait_records, 1u);
    b.run(2s);
    EXPECT_EQ(b->totals().time_wait_records, 0u);
    second.reset();
    auto third = m.process(95s, 7s, 3);
    third->run();
    EXPECT_EQ((*third)->totals().time_wait_records, 0u);
  }
}

TEST(Restart, the_deadline_is_the_old_one) {
  Machine m;
  auto first = m.process(0s, 1000s, 1);
  leave_time_wait(*first);
  first.reset();
  auto second = m.process(40s, 0s, 2);
  second->run(19s);
  EXPECT_EQ((*second)->totals().time_wait_records, 1u);
  EXPECT_EQ(all_of(*second->stack, second->now).at(0).in_state, 59s);
  second->run(2s);
  EXPECT_EQ((*second)->totals().time_wait_records, 0u);
  second.reset();

  Machine late;
  auto before = late.process(0s, 1000s, 1);
  leave_time_wait(*before);
  before.reset();
  auto after = late.process(61s, 0s, 2);
  after->run();
  EXPECT_EQ((*after)->totals().time_wait_records, 0u);
}

TEST(Restart, a_wall_clock_set_back_waits_no_longer_than_two_msl) {
  Machine m;
  auto first = m.process(0s, 1000s, 1);
  leave_time_wait(*first);
  first.reset();
  auto second = m.process(-24h, 5s, 2);
  second->run(59s);
  EXPECT_EQ((*second)->totals().time_wait_records, 1u);
  second->run(2s);
  EXPECT_EQ((*second)->totals().time_wait_records, 0u);
}

TEST(Restart, stale_segments_are_refused_and_a_rightful_syn_is_taken) {
  for (const bool timestamps : {false, true}) {
    Machine m;
    auto first = m.process(0s, 1000s, 1);
    const Peer old =
        leave_time_wait(*first, 5000, ip4(9), timestamps ? std::optional(700u) : std::nullopt);
    first.reset();
    auto second = m.process(10s, 5s, 2);
    Bench& b = *second;
    const ListenerId l = listen_on(*b.stack, at80, b.now);
    b.run();
    Peer p{b, old.tuple, old.seq - 500, old.ack, old.timestamp, old.echo};
    p.send(kAck, 100);  // an old duplicate
    const wire::Segment ack = p.expect();
    EXPECT_EQ(ack.flags, kAck);
    if (timestamps) {
      ASSERT_TRUE(ack.options.timestamps);
      EXPECT_EQ(ack.options.timestamps->value - old.echo, 10000u);
    }
    EXPECT_EQ(b->totals().time_wait_records, 1u);
    b.run(1s);
    Peer fresh{b, old.tuple, old.seq + 1000, 0, {}, 0};
    if (timestamps) fresh.timestamp = 800;
    fresh.send(kSyn);
    const wire::Segment syn_ack = fresh.expect();
    EXPECT_EQ(syn_ack.flags, kSyn | kAck);
    EXPECT_GT(static_cast<std::int32_t>(syn_ack.seq.value - old.ack), 0);
    if (timestamps) {  // its clock has gone on by the ten seconds between
      ASSERT_TRUE(syn_ack.options.timestamps);
      const auto step = static_cast<std::int32_t>(syn_ack.options.timestamps->value - old.echo);
      EXPECT_GE(step, 10000);
      EXPECT_LE(step, 12000);
    }
    fresh.send(kAck);
    EXPECT_TRUE(b->accept(l, b.now));
    EXPECT_EQ(b->totals().time_wait_records, 0u);
    second.reset();
    auto third = m.process(20s, 5s, 3);
    third->run();
    EXPECT_EQ((*third)->totals().time_wait_records, 0u);
  }
}

TEST(Restart, bind_without_reuse_address_still_finds_the_port_taken) {
  Machine m;
  auto first = m.process(0s, 1000s, 1);
  leave_time_wait(*first);
  first.reset();
  auto second = m.process(10s, 5s, 2);
  // Before any call has told it what time it is.
  EXPECT_EQ((*second)->bind({ip4(1), {80}}, {}).error().value(), EADDRINUSE);
  EXPECT_TRUE((*second)->bind({ip4(1), {80}}, {.reuse_address = true}));
  second->run(51s);
  EXPECT_EQ((*second)->bind({ip4(1), {80}}, {}).error().value(), EADDRINUSE);  // the other binding
  EXPECT_TRUE((*second)->bind({ip6(1), {80}}, {}));
}

TEST(Restart, isns_go_on_under_the_old_secret) {
  Machine m;
  const auto isn_of = [](Bench& b) {
    const auto binding = b->bind({ip4(1), {7000}}, {});
    const auto c = b->connect(*binding, {ip4(9), {80}}, {}, b.now);
    b.run();
    const WireSeq iss = b.take().at(0).seq;
    b->close(*c, true, b.now);
    return iss.value;
  };
  auto first = m.process(0s, 1000s, 1);
  const std::uint32_t one = isn_of(*first);
  first.reset();
  auto second = m.process(100s, 3s, 2);
  const std::uint32_t two = isn_of(*second);
  EXPECT_EQ(two - one, 100u * 250000u);  // RFC 9293 3.4.1: a tick every 4 microseconds
  second->run(10s);
  second.reset();
  auto back = m.process(50s, 3s, 3);  // the wall clock was set back: the ISN clock was not
  const std::uint32_t three = isn_of(*back);
  EXPECT_GE(static_cast<std::int32_t>(three - two), 10 * 250000);
}

TEST(Restart, no_quiet_time_is_needed_where_memory_was_kept) {
  Machine m;
  Config c = test_config();
  c.tuning.quiet_time = 30;
  c.memory = m.file;
  c.wall_clock_ns = kBoot;
  {
    Bench b(c);
    Peer p = peer_of(b, 9999);
    p.send(kSyn);
    p.expect_nothing();  // nothing is remembered yet
  }
  c.wall_clock_ns = kBoot + 1000000000;
  Bench b(c);
  Peer p = peer_of(b, 9999);
  p.send(kSyn);
  EXPECT_EQ(p.expect().flags, kRst | kAck);
}

TEST(Restart, an_orphan_in_fin_wait_2_outlives_its_process_too) {
  Machine m;
  auto first = m.process(0s, 1000s, 1);
  const ListenerId l = listen_on(*first->stack, at80, first->now);
  Peer p = peer_of(*first, 80);
  p.connect();
  (*first)->close((*first)->accept(l, first->now)->connection, false, first->now);
  first->run();
  p.expect();
  p.send(kAck);
  EXPECT_EQ(in_state(*first->stack, State::FinWait2), 1u);
  first.reset();
  auto second = m.process(10s, 5s, 2);
  second->run();
  EXPECT_EQ(in_state(*second->stack, State::FinWait2), 1u);
  Peer again{*second, p.tuple, p.seq, p.ack};
  again.send(kFin | kAck);
  EXPECT_EQ(again.expect().flags, kAck);
  EXPECT_EQ(in_state(*second->stack, State::TimeWait), 1u);
  EXPECT_EQ(in_state(*second->stack, State::FinWait2), 0u);
}

// Whatever a death leaves, the next process starts, says so in one line at most, and serves.
TEST(Restart, any_damage_leaves_a_stack_that_works) {
  Machine m(4);
  auto first = m.process(0s, 1000s, 1);
  leave_time_wait(*first);
  first.reset();
  const auto good = m.file;
  for (std::size_t at = 0; at < good.size(); ++at) {
    m.file = good;
    m.file[at] = static_cast<std::uint8_t>(m.file[at] ^ 0x5a);
    auto next = m.process(10s, 5s, 2);
    EXPECT_EQ((*next)->memory_note().find('\n'), std::string::npos);
    next->run();
    const auto records = (*next)->totals().time_wait_records;
    EXPECT_TRUE(records == 1 || !(*next)->memory_note().empty()) << at;
    listen_on(*next->stack, {{}, {81}}, next->now);
    Peer p = peer_of(*next, 81);
    p.send(kSyn);
    EXPECT_EQ(p.expect().flags, kSyn | kAck);
  }
}

TEST(Restart, more_records_than_slots_are_simply_not_all_kept) {
  Machine m(3);
  auto first = m.process(0s, 1000s, 1);
  const ListenerId l = listen_on(*first->stack, at80, first->now);
  for (std::uint16_t i = 0; i < 6; ++i) {
    Peer p = peer_of(*first, 80, 5000 + i);
    p.connect();
    (*first)->close((*first)->accept(l, first->now)->connection, false, first->now);
    first->run();
    p.expect();
    p.send(kFin | kAck);
    p.expect();
  }
  EXPECT_EQ((*first)->totals().time_wait_records, 6u);
  first.reset();
  auto second = m.process(1s, 5s, 2);
  second->run();
  EXPECT_EQ((*second)->totals().time_wait_records, 3u);
}

// A death between the two writes of a moved record leaves it twice; it is one record all the same.
TEST(Restart, a_record_that_is_there_twice_is_taken_once) {
  Machine m;
  auto first = m.process(0s, 1000s, 1);
  leave_time_wait(*first);
  first.reset();
  {
    Memory memory(m.file, {});
    std::optional<SavedTimeWait> record;
    memory.for_each([&](std::uint32_t, const SavedTimeWait& s) { record = s; });
    ASSERT_TRUE(record);
    memory.put(Ref(Ref::Kind::kTimeWait4, 9), *record);
  }
  auto second = m.process(1s, 5s, 2);
  second->run();
  EXPECT_EQ((*second)->totals().time_wait_records, 1u);
  second->run(60s);
  EXPECT_TRUE((*second)->bind({ip4(1), {80}}, {}));
}

}  // namespace
}  // namespace estab::stack
