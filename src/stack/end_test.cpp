// An operator ends what stands under a tuple, whoever owns it.
#include "stack/test_net.h"

namespace estab::stack {
namespace {

using wire::kAck;
using wire::kFin;
using wire::kRst;
using wire::kSyn;

constexpr Endpoint at80{{}, {80}};

tcp::Info only(Bench& b, State state) {
  for (const tcp::Info& i : all_of(*b.stack, b.now)) {
    if (i.state == state) return i;
  }
  ADD_FAILURE() << "nothing is in state " << rfc_name(state);
  return {};
}

Result<void> end(Bench& b, const tcp::Info& what, Stack::End how) {
  const auto done = b->end(what.tuple, what.id, how, b.now);
  b.run();
  return done;
}

struct Established {
  Established() : p(peer_of(b, 80)) {
    listener = listen_on(*b.stack, at80, b.now);
    p.connect();
    child = b->accept(listener, b.now)->connection;
  }
  Bench b;
  Peer p;
  ListenerId listener;
  ConnectionId child;
};

TEST(End, an_aborted_connection_resets_and_its_owner_reads_econnaborted) {
  Established e;
  ASSERT_TRUE(end(e.b, only(e.b, State::Established), Stack::End::Abort));
  EXPECT_TRUE(e.p.expect().has(kRst));
  EXPECT_EQ(e.b->take_error(e.child), ECONNABORTED);
  EXPECT_EQ(in_state(*e.b.stack, State::Established), 0u);
}

TEST(End, a_closed_one_sends_its_fin_and_goes_on_receiving) {
  Established e;
  const tcp::Info what = only(e.b, State::Established);
  ASSERT_TRUE(end(e.b, what, Stack::End::Close));
  EXPECT_EQ(e.p.expect().flags, kFin | kAck);
  e.p.send(kAck, 10);
  std::array<std::uint8_t, 16> room;
  EXPECT_EQ(e.b->receive(e.child, room, false, e.b.now)->bytes, 10u);
}

TEST(End, another_incarnation_of_the_tuple_is_left_alone) {
  Established e;
  const tcp::Info what = only(e.b, State::Established);
  const auto done = e.b->end(what.tuple, what.id + 1, Stack::End::Abort, e.b.now);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().value(), ESRCH);
  EXPECT_EQ(in_state(*e.b.stack, State::Established), 1u);
}

TEST(End, records_go_without_a_word) {
  Established e;
  e.b->close(e.child, false, e.b.now);
  e.b.run();
  e.p.expect();
  e.p.send(kFin | kAck);
  e.p.expect();
  const tcp::Info what = only(e.b, State::TimeWait);
  EXPECT_FALSE(end(e.b, what, Stack::End::Close)) << "a record has no sending side";
  ASSERT_TRUE(end(e.b, what, Stack::End::Abort));
  e.p.expect_nothing();
  EXPECT_EQ(e.b->totals().time_wait_records, 0u);
  EXPECT_EQ(events_of(*e.b.stack).back().rule, Rule::L17_Aborted);
}

TEST(End, a_half_open_record_goes_too) {
  Bench b;
  listen_on(*b.stack, at80, b.now);
  Peer p = peer_of(b, 80);
  p.send(kSyn);
  p.expect();
  ASSERT_TRUE(end(b, only(b, State::SynReceived), Stack::End::Abort));
  EXPECT_EQ(b->totals().syn_records, 0u);
  b.run(10s);
  p.expect_nothing();
}

TEST(End, a_listener_closes_and_resets_those_that_wait) {
  Bench b;
  const ListenerId listener = listen_on(*b.stack, at80, b.now);
  Peer p = peer_of(b, 80);
  p.connect();
  ASSERT_TRUE(end(b, only(b, State::Listen), Stack::End::Abort));
  EXPECT_TRUE(p.expect().has(kRst));
  EXPECT_EQ(b->accept(listener, b.now).error().value(), EINVAL);
  EXPECT_EQ(b->totals().listeners, 0u);
}

TEST(End, what_is_not_there_is_said) {
  Bench b;
  const FourTuple tuple{{ip4(1), {80}}, {ip4(9), {5000}}};
  EXPECT_EQ(b->end(tuple, 1, Stack::End::Abort, b.now).error().value(), ESRCH);
}

}  // namespace
}  // namespace estab::stack
