// Packets that lie about themselves. Where a parser's shape is the defence (one cursor that cannot
// leave its bytes, no assert on input), there is nothing to take away, and the test goes through all
// there is, under AddressSanitizer.
#include <sys/resource.h>

#include <csignal>
#include <cstdlib>

#include "attacks/scene.h"
#include "support/seeds.h"
#include "wire/checksum.h"
#include "wire/icmp.h"

namespace estab::attacks {
namespace {

// --- 22: lengths --------------------------------------------------------------------------------

// Ripple20, Heartbleed's class: the IP header says more than came; what lay in memory behind it
// would be read as data. The device vouches for the checksum, as devices do.
ATTACK(Malformed, a22_total_length_beyond_the_frame, LengthsAgree) {
  Scene s;
  const Pair v = s.accepted(s.listen(80), 80);
  const Slice honest = stack::packet_of(forged(v, kAck | kPsh, v.peer.seq, v.peer.ack, 4));
  const Buffer memory = Buffer::allocate(2048);
  std::fill_n(memory.data(), 2048, std::uint8_t{'S'});  // somebody else's secret
  std::copy_n(honest.bytes().data(), honest.length, memory.data());
  wire::IpPacket header = Scene::header_of(ip4(9), ip4(1));
  header.protocol = static_cast<std::uint8_t>(wire::Protocol::kTcp);
  wire::build_ip(header, honest.length - 20 + 500, memory.data());
  s.device.vouched = true;
  s.device.in.push_back({memory, 0, honest.length});
  s.run();
  EXPECT_EQ(s.read(v.ours).find('S'), std::string::npos);
  EXPECT_THAT(s.count(Counter::EstabIpTruncated), counted(1));
}

std::vector<Slice> sound_packets(const Pair& v) {
  wire::Segment s = forged(v, kAck | kPsh | kUrg, v.peer.seq, v.peer.ack, 40);
  s.urgent = 20;
  s.options.timestamps = wire::Timestamps{1, 2};
  s.options.sack_count = 2;
  s.options.sack[0] = {{v.peer.ack}, {v.peer.ack + 10}};
  s.options.sack[1] = {{v.peer.ack + 20}, {v.peer.ack + 30}};
  wire::Segment syn = stack::peer_of(v.peer.bench, 80, 7000).make(kSyn);
  syn.options.window_scale = 7;
  syn.options.sack_permitted = true;
  syn.options.fast_open = wire::FastOpenCookie{8, {1, 2, 3, 4, 5, 6, 7, 8}};
  wire::Segment six = stack::peer_of(v.peer.bench, 80, 7001, ip6(9)).make(kSyn);
  std::vector<Slice> all{stack::packet_of(s), stack::packet_of(syn), stack::packet_of(six)};
  wire::IpPacket fragment = Scene::header_of(ip4(9), ip4(1));
  fragment.protocol = 6;
  fragment.identification = 99;
  fragment.more_fragments = true;
  all.push_back(Scene::packet(fragment, std::vector<std::uint8_t>(64, 'f')));
  wire::IpPacket icmp = Scene::header_of(ip4(254), ip4(1));
  icmp.protocol = 1;
  wire::Segment ours = s;
  ours.tuple = s.tuple.reversed();
  const Slice quoted = stack::packet_of(ours);
  std::vector<std::uint8_t> body(wire::kIcmpHeader + quoted.length);
  wire::build_icmp({.v6 = false, .type = 3, .code = 4, .rest = 600, .body = quoted.bytes()},
                   icmp.source, icmp.destination, body.data());
  all.push_back(Scene::packet(icmp, body));
  return all;
}

// In a buffer of exactly its size, so that a read behind its end is seen.
Slice exactly(Bytes bytes) { return Slice::copy_of(bytes); }

void sum_up_header(std::vector<std::uint8_t>& packet) {
  packet[10] = packet[11] = 0;
  const std::uint16_t sum = wire::checksum_fold(wire::checksum_add(0, Bytes(packet).first(20)));
  packet[10] = static_cast<std::uint8_t>(sum >> 8);
  packet[11] = static_cast<std::uint8_t>(sum);
}

TEST(Malformed, a22_every_packet_cut_and_bent_at_each_octet) {
  Scene s;
  const auto l = s.listen(80);
  Pair v = s.accepted(l, 80);
  for (const bool vouched : {false, true}) {
    s.device.vouched = vouched;
    for (const Slice& packet : sound_packets(v)) {
      const Bytes bytes = packet.bytes();
      for (std::size_t n = 0; n < bytes.size(); ++n) s.device.in.push_back(exactly(bytes.first(n)));
      s.run();
      for (std::size_t n = 0; n < bytes.size(); ++n) {
        for (const int bent : {0x00, 0x01, 0x0f, 0x7f, 0x80, 0xf0, 0xff}) {
          std::vector<std::uint8_t> copy(bytes.begin(), bytes.end());
          copy[n] = static_cast<std::uint8_t>(bent);
          // The attacker knows how to sum up a header.
          if (n < 20 && copy[0] == 0x45) sum_up_header(copy);
          s.device.in.push_back(exactly(copy));
        }
        s.run();
      }
    }
  }
  EXPECT_GT(s.count(Counter::EstabIpTruncated) + s.count(Counter::TcpInErrs), 100u);
  Peer good = stack::peer_of(s, 80, 5555);
  s.take();
  good.connect();
}

// --- 23: options --------------------------------------------------------------------------------

void parse_within_a_second(std::vector<std::uint8_t> options) {
  const rlimit none{0, 0}, second{1, 1};
  setrlimit(RLIMIT_CORE, &none);
  setrlimit(RLIMIT_CPU, &second);
  (void)wire::parse_tcp_options(options, false);
  std::_Exit(0);
}

// CVE-2020-24337: an option of length 0 is never left behind.
ATTACK(Malformed, a23_option_of_length_0, OptionLengths) {
  testing::FLAGS_gtest_death_test_style = "fast";
  EXPECT_EXIT(parse_within_a_second({99, 0, 1, 1}), testing::ExitedWithCode(0), "");
}

// All kinds, all lengths, all room there may be: it ends, and takes no more than there is.
TEST(Malformed, a23_every_kind_and_length) {
  for (std::size_t room = 2; room <= 40; ++room) {
    for (int kind = 0; kind < 256; ++kind) {
      for (int length = 0; length < 256; ++length) {
        std::vector<std::uint8_t> options(room, 1);
        options[0] = static_cast<std::uint8_t>(kind);
        options[1] = static_cast<std::uint8_t>(length);
        const auto parsed = wire::parse_tcp_options(options, true);
        const bool fits = kind < 2 || (length >= 2 && static_cast<std::size_t>(length) <= room);
        if (!fits) {
          ASSERT_FALSE(parsed) << kind << " " << length << " " << room;
        }
      }
    }
  }
}

// --- 24: URGENT/11 ------------------------------------------------------------------------------

// Pointers to nowhere: what was read long ago (0 among them).
ATTACK(Malformed, a24_urgent_pointer_to_nowhere, UrgentBounds) {
  Scene s;
  Pair v = s.accepted(s.listen(80), 80);
  v.peer.send(kAck | kPsh, 100);
  s.read(v.ours);
  for (int i = 0; i < 10; ++i) {
    wire::Segment f = v.peer.make(kAck | kUrg);
    f.urgent = 0;
    s.give(f);
    EXPECT_EQ(s.stack->readiness(v.ours) & tcp::kUrgent, 0);
  }
  EXPECT_THAT(s.count(Counter::EstabUrgentIgnored), counted(10));
}

// Each pointer, in each state; then the stream is what was sent, whole, and in order.
TEST(Malformed, a24_urgent_pointers_in_each_state) {
  const std::uint16_t pointers[] = {0, 1, 2, 50, 51, 1000, 65535};
  for (const std::uint16_t pointer : pointers) {
    for (const int shut : {0, 1, 2}) {
      Scene s;
      tcp::Settings inline_data;
      inline_data.oob_inline = true;
      const auto l = s.listen(80, 128, inline_data);
      Peer p = stack::peer_of(s, 80);
      wire::Segment syn = p.make(kSyn | kUrg);
      syn.urgent = pointer;
      p.seq += 1;
      s.give(syn);
      p.expect();
      wire::Segment ack = p.make(kAck | kUrg);
      ack.urgent = pointer;
      s.give(ack);
      const auto id = s.accept(l);
      if (shut >= 1) {
        EXPECT_TRUE(s.stack->shutdown(id, false, true, s.now));
      }
      s.run();
      s.take();
      wire::Segment data = p.make(kAck | kUrg | kPsh, 50);
      data.urgent = pointer;
      p.seq += 50;
      s.give(data);
      if (shut == 2) {
        wire::Segment fin = p.make(kFin | kAck | kUrg);
        fin.urgent = pointer;
        s.give(fin);
      }
      std::string all;
      for (int i = 0; i < 4; ++i) all += s.read(id);
      EXPECT_EQ(all, std::string(50, 'x')) << pointer << " " << shut;
    }
  }
}

// A malformed option costs the segment, never the connection (CVE-2019-12260's lesson).
TEST(Malformed, a24_malformed_options_leave_the_connection) {
  Scene s;
  Pair v = s.accepted(s.listen(80), 80);
  const Slice sound = stack::packet_of([&] {
    wire::Segment f = forged(v, kAck | kPsh, v.peer.seq, v.peer.ack, 10);
    f.options.timestamps = wire::Timestamps{1, 2};
    return f;
  }());
  s.device.vouched = true;
  for (std::size_t at = 40; at < 52; ++at) {
    for (int value = 0; value < 256; ++value) {
      std::vector<std::uint8_t> bytes(sound.bytes().begin(), sound.bytes().end());
      bytes[at] = static_cast<std::uint8_t>(value);
      s.device.in.push_back(exactly(bytes));
    }
    s.run();
  }
  s.device.vouched = false;
  EXPECT_EQ(s.state_of(v.ours), State::Established);
  v.peer.seq += 10;
  s.read(v.ours);
  v.peer.send(kAck | kPsh, 7);
  EXPECT_EQ(s.read(v.ours), "xxxxxxx");
  EXPECT_GT(s.count(Counter::EstabTcpBadOption), 100u);
}

// --- 25: no abort is reachable from input -------------------------------------------------------

wire::Segment anything(Random& r, const std::vector<Pair>& near) {
  const Pair& p = near[r.below(near.size())];
  wire::Segment s = p.peer.make(static_cast<wire::Flags>(r.below(256)), r.below(3) * r.below(900));
  const std::uint32_t offsets[] = {0, 1, 0xffffffff, 100, 65535, 65536, 0x7fffffff, 0x80000000};
  s.seq = {p.peer.seq + offsets[r.below(8)]};
  s.ack = {p.peer.ack + offsets[r.below(8)]};
  s.window = static_cast<std::uint16_t>(r.below(3) * r.below(65536));
  s.urgent = static_cast<std::uint16_t>(r.below(2) * r.below(65536));
  if (r.chance(0.3)) s.options.mss = static_cast<std::uint16_t>(r.below(70));
  if (r.chance(0.3)) s.options.window_scale = static_cast<std::uint8_t>(r.below(256));
  if (r.chance(0.3))
    s.options.timestamps = wire::Timestamps{static_cast<std::uint32_t>(r.next()), 0};
  if (r.chance(0.3)) s.options.sack_permitted = true;
  s.options.sack_count = static_cast<std::uint8_t>(r.below(3));
  for (wire::SackBlock& b : s.options.sack) {
    b = {{p.peer.ack + offsets[r.below(8)]}, {p.peer.ack + offsets[r.below(8)]}};
  }
  return s;
}

TEST(Malformed, a25_no_segment_trips_an_assert) {
  for (const std::uint64_t seed : test_seeds(1, 12)) {
    SCOPED_TRACE("ESTAB_SEED=" + std::to_string(seed));
    Random r(seed);
    Scene s(seed);
    s.set("time_wait", "2");
    const auto l = s.listen(80, 1000);
    std::vector<Pair> all;
    for (int n = 0; n < 3000; ++n) {
      if (all.size() < 8 || r.chance(0.01)) {
        const auto port = static_cast<std::uint16_t>(1024 + r.below(60000));
        if (r.chance(0.5)) {
          all.push_back({stack::peer_of(s, 80, port), {}});
        } else if (const auto id = s.stack->connect(std::nullopt, {ip4(9), {port}}, {}, s.now)) {
          all.push_back({Peer{s, s.stack->connection(*id)->tuple().reversed()}, *id});
        }
      }
      s.inject(anything(r, all));
      s.run(std::chrono::milliseconds(r.below(50)));
      for (const wire::Segment& o : s.take()) {  // so that numbers are near
        for (Pair& p : all) {
          if (p.peer.tuple == o.tuple) p.peer.ack = o.seq.value + o.length();
          if (p.peer.tuple == o.tuple && o.has(kAck)) p.peer.seq = o.ack.value;
        }
      }
      while (const auto got = s.stack->accept(l, s.now)) {
        all.push_back({Peer{s, got->tuple.reversed()}, got->connection});
      }
      Pair& p = all[r.below(all.size())];
      if (r.chance(0.3)) s.write(p.ours, r.below(3000));
      if (r.chance(0.1)) s.read(p.ours);
      if (r.chance(0.02)) s.stack->close(p.ours, r.chance(0.3), s.now);
    }
    s.run(2h);
  }
}

// --- 26, 32: what is not there ------------------------------------------------------------------

// NAME:WRECK wants a DNS or DHCP client. There is none: UDP is answered by ICMP, within its limit,
// and never looked into.
TEST(Malformed, a26_no_dns_and_no_dhcp_to_wreck) {
  Scene s;
  std::vector<std::uint8_t> loop{0, 53, 0, 68,
                                 0, 40, 0, 0};  // UDP; then a name that points at itself
  loop.insert(loop.end(), {0x12, 0x34, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0, 0xc0, 0x0c, 0, 1, 0, 1});
  wire::IpPacket udp = Scene::header_of(ip4(9), ip4(1));
  udp.protocol = static_cast<std::uint8_t>(wire::Protocol::kUdp);
  for (int i = 0; i < 1000; ++i) s.device.in.push_back(Scene::packet(udp, loop));
  s.run();
  EXPECT_EQ(s.count(Counter::IpInUnknownProtos), 1000u);
  EXPECT_LE(s.take_frames().size(), 75u);  // icmp_ratelimit_prefix is 50
  EXPECT_GE(s.count(Counter::IcmpOutRateLimitHost), 925u);
}

// Fast Open is not built: a SYN's cookie and data are left alone however often they come, and the
// data counts when it comes again after the handshake, once.
TEST(Malformed, a32_fast_open_replay) {
  Scene s;
  const auto l = s.listen(80);
  Peer p = stack::peer_of(s, 80);
  wire::Segment syn = p.make(kSyn, 20);
  syn.options.fast_open = wire::FastOpenCookie{8, {1, 2, 3, 4, 5, 6, 7, 8}};
  for (int i = 0; i < 1000; ++i) s.inject(syn);
  s.run();
  EXPECT_FALSE(s.stack->accept(l, s.now));
  EXPECT_EQ(s.stack->totals().syn_records, 1u);
  EXPECT_EQ(s.stack->totals().payload_bytes, 0u);
  const auto answers = s.take();
  EXPECT_LE(answers.size(), 2u);
  ASSERT_FALSE(answers.empty());
  EXPECT_EQ(answers[0].ack.value, p.seq + 1);  // the SYN alone is acknowledged
  EXPECT_FALSE(answers[0].options.fast_open);
  p.seq += 1;
  p.ack = answers[0].seq.value + 1;
  p.send(kAck | kPsh, 20);
  EXPECT_EQ(s.read(s.accept(l)).size(), 20u);
}

}  // namespace
}  // namespace estab::attacks
