#include "stack/control_protocol.h"

#include <gtest/gtest.h>

namespace estab::stack::control {
namespace {

using namespace std::chrono_literals;

template <class T>
T there_and_back(const T& reply) {
  const auto frame = encode(Reply(reply));
  EXPECT_EQ(frame_size(frame, kMaxReply).value(), frame.size());
  auto decoded = decode_reply(frame);
  EXPECT_TRUE(decoded.has_value()) << decoded.error();
  return std::get<T>(*decoded);
}

tcp::Info some_info() {
  tcp::Info info;
  info.id = 0x1122334455667788;
  info.tuple = {{IpAddress::v4(10, 0, 0, 2), {80}}, {IpAddress::v6({0xfd, 9}), {4711}}};
  info.state = State::FinWait2;
  info.orphan = true;
  info.timer = tcp::TimerKind::TimeWait;
  info.timer_left = 59s;
  info.receive_queue = 1u << 31;
  info.snd_cwnd = 14480;
  info.memory = 4096;
  return info;
}

TEST(ControlProtocol, a_request_survives_the_wire) {
  Request request{Kind::SetTuning, 7, 8, "time_wait", "10"};
  const auto frame = encode(request);
  EXPECT_LE(frame.size(), kMaxRequest);
  auto back = decode_request(frame);
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ(back->kind, Kind::SetTuning);
  EXPECT_EQ(back->from, 7u);
  EXPECT_EQ(back->limit, 8u);
  EXPECT_EQ(back->name, "time_wait");
  EXPECT_EQ(back->value, "10");

  request.kind = Kind::End;
  request.tuple = some_info().tuple;
  request.abort = false;
  back = decode_request(encode(request));
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ(back->tuple, some_info().tuple);
  EXPECT_FALSE(back->abort);
}

TEST(ControlProtocol, a_snapshot_survives_the_wire) {
  const Snapshot back = there_and_back(Snapshot{42, {some_info(), tcp::Info{}}});
  ASSERT_EQ(back.connections.size(), 2u);
  EXPECT_EQ(back.next, 42u);
  const tcp::Info& info = back.connections[0];
  EXPECT_EQ(info.id, some_info().id);
  EXPECT_EQ(info.tuple, some_info().tuple);
  EXPECT_EQ(info.state, State::FinWait2);
  EXPECT_TRUE(info.orphan);
  EXPECT_EQ(info.timer, tcp::TimerKind::TimeWait);
  EXPECT_EQ(info.timer_left, 59s);
  EXPECT_EQ(info.receive_queue, 1u << 31);
  EXPECT_EQ(info.snd_cwnd, 14480u);
  EXPECT_EQ(info.memory, 4096u);
}

TEST(ControlProtocol, the_largest_slices_fit_a_reply) {
  Snapshot snapshot{1, std::vector<tcp::Info>(kSnapshotSlice)};
  EXPECT_LE(encode(Reply(snapshot)).size(), kMaxReply);
  Events events;
  events.events.resize(kEventSlice);
  EXPECT_LE(encode(Reply(events)).size(), kMaxReply);
}

TEST(ControlProtocol, the_other_replies_survive_the_wire) {
  Identity identity{1, 2, "web", "estab", "0.1.0", "tun0 10.0.0.2/24", 5s, Instant{} + 6s, {}};
  const Identity i = there_and_back(identity);
  EXPECT_EQ(i.name, "web");
  EXPECT_EQ(i.now, Instant{} + 6s);
  Totals totals;
  totals.by_state[static_cast<int>(State::TimeWait)] = 3;
  totals.orphans = 4;
  const Totals t = there_and_back(totals);
  EXPECT_EQ(t.by_state, totals.by_state);
  EXPECT_EQ(t.orphans, 4u);
  EXPECT_EQ(there_and_back(CounterValues{{{"TcpInSegs", 9}}}).values[0].second, 9u);
  const KnobValues k = there_and_back(KnobValues{{{"time_wait", -1}}, {"short"}});
  EXPECT_EQ(k.values[0].second, -1);
  EXPECT_EQ(k.warnings, std::vector<std::string>{"short"});
  Events events;
  events.lost = 2;
  LifecycleEvent event;
  event.at = Instant{} + 1s;
  event.from = State::Established;
  event.to = State::CloseWait;
  event.event = Event::RcvFin;
  event.arrow = 13;
  events.events.push_back(event);
  const Events e = there_and_back(events);
  EXPECT_EQ(e.lost, 2u);
  EXPECT_EQ(e.events[0].arrow, 13);
  EXPECT_EQ(e.events[0].to, State::CloseWait);
  EXPECT_FALSE(there_and_back(Ended{false}).was_there);
  CallSites sites{true, 9, 2, {{7, 1, 2, 0, 0, 1, true}}, {{1, {0x7fff12345678, 3}}, {2, {}}}};
  const CallSites s = there_and_back(sites);
  EXPECT_TRUE(s.recording);
  EXPECT_EQ(s.next, 9u);
  EXPECT_EQ(s.lost, 2u);
  EXPECT_EQ(s.sites.at(0).connection, 7u);
  EXPECT_EQ(s.sites[0].read, 2u);
  EXPECT_EQ(s.sites[0].closed, 1u);
  EXPECT_TRUE(s.sites[0].eof_read);
  EXPECT_EQ(s.stacks.at(0).frames, sites.stacks[0].frames);
  EXPECT_EQ(s.stacks.at(1).number, 2u);
  EXPECT_EQ(there_and_back(Refusal{"no"}).text, "no");
}

TEST(ControlProtocol, a_truncated_frame_is_refused_at_every_length) {
  const auto frame = encode(Reply(Snapshot{1, {some_info()}}));
  for (std::size_t n = kHeaderSize; n < frame.size(); ++n) {
    EXPECT_FALSE(decode_reply({frame.data(), n}).has_value()) << n;
  }
  EXPECT_EQ(frame_size({frame.data(), kHeaderSize - 1}, kMaxReply).value(), 0u);
}

TEST(ControlProtocol, bytes_behind_the_last_field_are_refused) {
  auto frame = encode(Reply(Refusal{"no"}));
  frame.push_back(0);
  EXPECT_FALSE(decode_reply(frame).has_value());
}

TEST(ControlProtocol, a_lying_count_takes_no_memory) {
  auto frame = encode(Reply(Snapshot{}));
  for (std::size_t i = 0; i < 4; ++i) frame[frame.size() - 1 - i] = 0xff;
  EXPECT_FALSE(decode_reply(frame).has_value());
}

TEST(ControlProtocol, an_impossible_enumerator_is_refused) {
  const auto good = encode(Reply(Snapshot{1, {some_info()}}));
  auto frame = good;
  // next 8, count 4, id 8, two endpoints of 18: then the state
  frame[kHeaderSize + 8 + 4 + 8 + 36] = kStates;
  EXPECT_TRUE(decode_reply(good).has_value());
  EXPECT_FALSE(decode_reply(frame).has_value());
}

TEST(ControlProtocol, foreign_and_overlong_frames_are_refused) {
  auto frame = encode(Request{});
  EXPECT_FALSE(frame_size(frame, 16).has_value());
  auto other_version = frame;
  other_version[5] = 99;
  EXPECT_FALSE(frame_size(other_version, kMaxRequest).has_value());
  auto foreign = frame;
  foreign[0] = 'H';
  EXPECT_FALSE(frame_size(foreign, kMaxRequest).has_value());
}

TEST(ControlProtocol, socket_files_carry_process_and_name) {
  using Named = std::pair<std::uint32_t, std::string>;
  EXPECT_EQ(socket_file_name(4711, "web"), "4711-web.sock");
  EXPECT_EQ(socket_file_name(1, "../x y"), "1-.._x_y.sock");
  EXPECT_EQ(parse_socket_file_name("4711-web.sock"), (Named{4711, "web"}));
  EXPECT_EQ(parse_socket_file_name("4711-.sock"), (Named{4711, ""}));
  for (const char* wrong :
       {"", "web", "4711.sock", "-web.sock", "4711-", "4711-web", "4711-sock"}) {
    EXPECT_EQ(parse_socket_file_name(wrong).first, 0u) << wrong;
  }
}

TEST(ControlProtocol, runtime_directories_in_order) {
  using List = std::vector<std::string>;
  EXPECT_EQ(runtime_directories(nullptr, nullptr, 7), (List{"/run/estab", "/tmp/estab-7"}));
  EXPECT_EQ(runtime_directories(nullptr, "/b", 7),
            (List{"/b/estab", "/run/estab", "/tmp/estab-7"}));
  EXPECT_EQ(runtime_directories("/a", "/b", 7), (List{"/a"}));
}

}  // namespace
}  // namespace estab::stack::control
