#include "observe/trace_synthesis.h"

#include <gmock/gmock.h>

#include <cerrno>
#include <cstring>

#include "observe/trace_text.h"

namespace estab::observe {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;

enum Linux : std::uint8_t {
  kEstab = 1,
  kSynSent,
  kSynRecv,
  kFw1,
  kFw2,
  kTw,
  kClose,
  kCw,
  kLastAck,
  kListen,
  kClosing
};

constexpr std::uint32_t kHere = 7;

Instant at_ms(std::int64_t ms) { return Instant{} + milliseconds(ms); }

bpf::raw_event raw_of(std::uint8_t kind, std::int64_t ms, std::uint64_t cookie, int from, int to) {
  bpf::raw_event raw{};
  raw.kind = kind;
  raw.at_ns = static_cast<std::uint64_t>(ms) * 1'000'000;
  raw.cookie = cookie;
  raw.from = static_cast<std::uint8_t>(from);
  raw.to = static_cast<std::uint8_t>(to);
  raw.netns = kHere;
  raw.family = 2;
  raw.local[0] = raw.remote[0] = 10;
  raw.local[3] = 1;
  raw.remote[3] = 2;
  raw.local_port = 40000;
  raw.remote_port = 80;
  raw.flags = bpf::RAW_OWNER_KNOWN;
  raw.owner.pid = 11;
  std::strcpy(raw.owner.command, "owner");
  raw.running.pid = 22;
  std::strcpy(raw.running.command, "passer-by");
  return raw;
}
bpf::raw_event state(std::int64_t ms, std::uint64_t cookie, int from, int to) {
  return raw_of(bpf::RAW_STATE, ms, cookie, from, to);
}

struct Recorded {
  explicit Recorded(SynthesisOptions options = {})
      : synthesis(with_netns(options), [this](auto& e) { events.push_back(e); }) {}
  static SynthesisOptions with_netns(SynthesisOptions o) {
    o.netns = kHere;
    return o;
  }
  std::vector<std::string> lines() const {
    std::vector<std::string> all;
    for (const TraceEvent& e : events) {
      all.push_back(std::string(rfc_name(e.from)) + ">" + std::string(rfc_name(e.to)) + " " +
                    (e.rule == Rule::None ? trace_why(e) : std::string(rule_name(e.rule))));
    }
    return all;
  }
  std::vector<TraceEvent> events;
  TraceSynthesis synthesis;
};

TEST(TraceSynthesis, time_wait_is_told_when_the_full_socket_closes_after_a_fin) {
  Recorded r;
  auto close = state(100, 5, kFw2, kClose);
  close.flags |= bpf::RAW_FIN_SEEN | bpf::RAW_ORPHAN;
  close.in_state_ns = 2'000'000;
  r.synthesis.feed(close);
  EXPECT_THAT(r.lines(), ElementsAre("FIN-WAIT-2>TIME-WAIT 16 rcv FIN"));
  r.synthesis.flush(at_ms(60'099));
  EXPECT_EQ(r.events.size(), 1u);
  r.synthesis.flush(at_ms(60'100));
  EXPECT_THAT(r.lines(),
              ElementsAre("FIN-WAIT-2>TIME-WAIT 16 rcv FIN", "TIME-WAIT>CLOSED 20 2MSL timeout"));
  EXPECT_EQ(r.events[1].in_state, seconds(60));
}

TEST(TraceSynthesis, closing_goes_to_time_wait) {
  Recorded r;
  r.synthesis.feed(state(100, 5, kClosing, kClose));
  EXPECT_THAT(r.lines(), ElementsAre("CLOSING>TIME-WAIT 17 rcv ACK of FIN"));
}

TEST(TraceSynthesis, a_fin_wait_2_record_becomes_time_wait_when_its_fin_is_dropped) {
  Recorded r;
  auto close = state(100, 5, kFw2, kClose);
  close.flags |= bpf::RAW_ORPHAN;
  close.in_state_ns = 1'000'000;  // it came to FIN-WAIT-2 at 99
  r.synthesis.feed(close);
  EXPECT_THAT(r.lines(), IsEmpty());
  r.synthesis.feed(raw_of(bpf::RAW_FIN_DROPPED, 350, 0, kClose, kClose));
  ASSERT_THAT(r.lines(), ElementsAre("FIN-WAIT-2>TIME-WAIT 16 rcv FIN"));
  EXPECT_EQ(r.events[0].in_state, milliseconds(251));
  EXPECT_EQ(r.events[0].command, "owner");
  EXPECT_FALSE(r.synthesis.wants_sample());
}

TEST(TraceSynthesis, a_fin_wait_2_record_that_a_look_shows_in_time_wait_began_when_its_timer_did) {
  Recorded r;
  r.synthesis.feed(state(100, 5, kFw2, kClose));
  EXPECT_TRUE(r.synthesis.wants_sample());
  r.synthesis.sample({{5, {}, State::TimeWait, milliseconds(59'400), kHere, 0}}, at_ms(1000));
  ASSERT_THAT(r.lines(), ElementsAre("FIN-WAIT-2>TIME-WAIT 16 rcv FIN"));
  EXPECT_EQ(r.events[0].at, at_ms(400));
  r.synthesis.flush(at_ms(61'000));
  EXPECT_THAT(r.lines().back(), "TIME-WAIT>CLOSED 20 2MSL timeout");
}

TEST(TraceSynthesis, a_fin_wait_2_record_that_is_gone_at_its_time_timed_out) {
  Recorded r;
  r.synthesis.feed(state(100, 5, kFw2, kClose));
  r.synthesis.sample({}, at_ms(60'200));
  EXPECT_THAT(r.lines(), ElementsAre("FIN-WAIT-2>CLOSED L8"));
}

TEST(TraceSynthesis, what_ended_before_its_time_is_not_explained) {
  Recorded r;
  r.synthesis.feed(state(100, 5, kFw2, kClose));
  r.synthesis.sample({}, at_ms(1000));
  EXPECT_THAT(r.lines(), ElementsAre("FIN-WAIT-2>CLOSED ended unseen"));
}

TEST(TraceSynthesis, a_connect_without_a_port_gets_that_of_the_next_event) {
  Recorded r;
  auto open = state(100, 5, kClose, kSynSent);
  open.local_port = 0;
  r.synthesis.feed(open);
  EXPECT_THAT(r.lines(), IsEmpty());
  r.synthesis.feed(state(101, 5, kSynSent, kEstab));
  EXPECT_THAT(r.lines(),
              ElementsAre("CLOSED>SYN-SENT 3 active OPEN", "SYN-SENT>ESTABLISHED 10 rcv SYN,ACK"));
  EXPECT_EQ(r.events[0].tuple.local.port.value, 40000);
  EXPECT_EQ(r.events[0].pid, 22u) << "connect() runs in its process";
  EXPECT_EQ(r.events[1].pid, 11u) << "the SYN,ACK comes under whoever runs";
}

TEST(TraceSynthesis, a_connect_that_waits_gets_its_port_from_a_look) {
  Recorded r;
  auto open = state(100, 5, kClose, kSynSent);
  open.local_port = 0;
  r.synthesis.feed(open);
  r.synthesis.flush(at_ms(130));
  EXPECT_TRUE(r.synthesis.wants_sample());
  SampledSocket row{5, {}, State::SynSent, milliseconds(900), kHere, 0};
  row.tuple.local.port.value = 41000;
  r.synthesis.sample({row}, at_ms(140));
  ASSERT_THAT(r.lines(), ElementsAre("CLOSED>SYN-SENT 3 active OPEN"));
  EXPECT_EQ(r.events[0].tuple.local.port.value, 41000);
}

TEST(TraceSynthesis, half_open_lasted_as_long_as_the_round_trip_of_the_syn_ack) {
  Recorded r;
  r.synthesis.feed(state(100, 5, kListen, kSynRecv));
  auto done = state(100, 5, kSynRecv, kEstab);
  done.in_state_ns = 30'000'000;
  done.flags |= bpf::RAW_AGE_FROM_RTT;
  r.synthesis.feed(done);
  ASSERT_THAT(r.lines(), ElementsAre("LISTEN>SYN-RECEIVED 6 rcv SYN",
                                     "SYN-RECEIVED>ESTABLISHED 9 rcv ACK of SYN"));
  EXPECT_EQ(r.events[0].at, at_ms(70));
  EXPECT_EQ(r.events[1].in_state, milliseconds(30));
  EXPECT_FALSE(r.events[1].at_least);
}

TEST(TraceSynthesis, half_open_that_a_look_showed_is_told_once) {
  Recorded r;
  r.synthesis.sample({{5, {}, State::SynReceived, milliseconds(900), kHere, 0}}, at_ms(50));
  r.synthesis.feed(state(1100, 5, kListen, kSynRecv));
  r.synthesis.feed(state(1100, 5, kSynRecv, kEstab));
  ASSERT_THAT(r.lines(), ElementsAre("LISTEN>SYN-RECEIVED 6 rcv SYN",
                                     "SYN-RECEIVED>ESTABLISHED 9 rcv ACK of SYN"));
  EXPECT_EQ(r.events[1].in_state, milliseconds(1050));
  EXPECT_TRUE(r.events[1].at_least);
}

TEST(TraceSynthesis, half_open_that_vanishes_has_ended_unseen) {
  Recorded r;
  r.synthesis.feed(raw_of(bpf::RAW_SYNACK_AGAIN, 1000, 5, kSynRecv, kSynRecv));
  r.synthesis.sample({}, at_ms(9000));
  EXPECT_THAT(r.lines(),
              ElementsAre("LISTEN>SYN-RECEIVED 6 rcv SYN", "SYN-RECEIVED>CLOSED ended unseen"));
}

struct Ending {
  int from;
  int error;
  std::uint32_t reason;
  std::uint8_t flags;
  const char* expected;
};

TEST(TraceSynthesis, why_a_connection_ended) {
  for (const Ending& one : {
           Ending{kSynSent, ECONNREFUSED, 0, 0, "SYN-SENT>CLOSED L3"},
           Ending{kSynSent, ETIMEDOUT, 0, 0, "SYN-SENT>CLOSED L1"},
           Ending{kSynSent, EHOSTUNREACH, 0, 0, "SYN-SENT>CLOSED L2"},
           Ending{kSynSent, 0, 0, 0, "SYN-SENT>CLOSED 4 CLOSE"},
           Ending{kListen, 0, 0, 0, "LISTEN>CLOSED 2 CLOSE"},
           Ending{kLastAck, 0, 0, 0, "LAST-ACK>CLOSED 19 rcv ACK of FIN"},
           Ending{kEstab, ECONNRESET, 0, 0, "ESTABLISHED>CLOSED L15"},
           Ending{kCw, EPIPE, 0, 0, "CLOSE-WAIT>CLOSED L15"},
           Ending{kEstab, ETIMEDOUT, 0, 0, "ESTABLISHED>CLOSED L20"},
           Ending{kFw1, ETIMEDOUT, 0, bpf::RAW_ORPHAN, "FIN-WAIT-1>CLOSED L21"},
           Ending{kEstab, ECONNABORTED, 0, 0, "ESTABLISHED>CLOSED L17"},
           Ending{kEstab, 0, 11, 0, "ESTABLISHED>CLOSED L18"},
           Ending{kEstab, 0, 14, 0, "ESTABLISHED>CLOSED L17"},
           Ending{kFw1, ECONNRESET, 8, bpf::RAW_ORPHAN, "FIN-WAIT-1>CLOSED L19"},
           Ending{kFw2, 0, 8, bpf::RAW_ORPHAN, "FIN-WAIT-2>CLOSED L19"},
           Ending{kEstab, 0, 0, 0, "ESTABLISHED>CLOSED ABORT"},
       }) {
    Recorded r;
    auto raw = state(100, 5, one.from, kClose);
    raw.error = one.error;
    raw.flags = static_cast<std::uint8_t>(raw.flags | one.flags);
    r.synthesis.feed(raw);
    if (one.reason != 0) {
      auto reset = raw_of(bpf::RAW_RESET_SENT, 100, 5, kClose, kClose);
      reset.reason = one.reason;
      reset.error = one.error;
      reset.flags = raw.flags;
      r.synthesis.feed(reset);
    }
    r.synthesis.flush(at_ms(200));
    EXPECT_THAT(r.lines(), ElementsAre(one.expected));
  }
}

TEST(TraceSynthesis, a_time_wait_that_connect_takes_over_ends_there) {
  Recorded r;
  auto close = state(100, 5, kFw2, kClose);
  close.flags |= bpf::RAW_FIN_SEEN;
  r.synthesis.feed(close);
  r.synthesis.feed(state(2000, 6, kSynSent, kEstab));
  EXPECT_THAT(r.lines(), ElementsAre("FIN-WAIT-2>TIME-WAIT 16 rcv FIN", "TIME-WAIT>CLOSED L13",
                                     "SYN-SENT>ESTABLISHED 10 rcv SYN,ACK"));
}

TEST(TraceSynthesis, what_is_remembered_has_a_bound_and_a_count) {
  SynthesisOptions options;
  options.most_records = 2;
  Recorded r(options);
  for (std::uint64_t cookie = 1; cookie <= 5; ++cookie) {
    auto close = state(100, cookie, kFw2, kClose);
    close.flags |= bpf::RAW_FIN_SEEN;
    r.synthesis.feed(close);
  }
  EXPECT_EQ(r.events.size(), 5u);
  EXPECT_EQ(r.synthesis.forgotten(), 3u);
  r.synthesis.flush(at_ms(70'000));
  EXPECT_EQ(r.events.size(), 7u);
}

TEST(TraceSynthesis, a_call_is_remembered_with_the_move_that_it_made_alone) {
  Recorded told;
  auto raw = state(0, 5, kEstab, kFw1);
  raw.flags |= bpf::RAW_BY_CALL | bpf::RAW_OWNER_KNOWN;
  raw.running.pid = raw.owner.pid = 7;
  raw.call_stack = 3;
  raw.made_stack = 4;
  told.synthesis.feed(raw);
  told.synthesis.feed(state(1, 5, kFw1, kFw2));
  ASSERT_EQ(told.events.size(), 2U);
  EXPECT_EQ(told.events[0].call.pid, 7U);
  EXPECT_EQ(told.events[0].call.stack, 3);
  EXPECT_EQ(told.events[0].call.made_stack, 4);
  EXPECT_EQ(told.events[1].call.pid, 0U);
}

TEST(TraceText, functions_stand_below_the_move_and_as_arrays) {
  TraceEvent e;
  e.code = std::make_shared<const TraceCode>(
      TraceCode{{"close_it() a.cpp:1", "main a.cpp:\x1b"}, {"take_it() a.cpp:2"}});
  const std::string line = trace_line(e, {});
  const std::string below = line.substr(line.find('\n') + 1);
  EXPECT_EQ(below.substr(0, below.find('\n')), "                by       close_it() a.cpp:1");
  EXPECT_NE(below.find("\n                made by  take_it() a.cpp:2\n"), below.npos) << below;
  EXPECT_EQ(line.find('\x1b'), line.npos);
  EXPECT_NE(trace_json(e).find("\"called_by\":[\"close_it() a.cpp:1\",\"main"), std::string::npos);
  EXPECT_NE(trace_json(e).find("\"made_by\":[\"take_it() a.cpp:2\"]"), std::string::npos);
}

TEST(TraceText, a_narrow_terminal_gets_two_lines) {
  TraceEvent e;
  e.pid = 812;
  e.command = "nginx";
  e.tuple = {*Endpoint::parse("10.0.0.1:80"), *Endpoint::parse("10.0.0.2:45336")};
  e.kind = TraceKind::Transition;
  e.from = State::Established;
  e.to = State::CloseWait;
  e.event = Event::RcvFin;
  e.arrow = 13;
  e.in_state = std::chrono::microseconds(107);
  TraceFormat format;
  format.narrow = true;
  EXPECT_EQ(trace_header(format), "");
  const std::string lines = trace_line(e, format);
  EXPECT_EQ(lines.substr(lines.find(' ')),
            " nginx(812) 10.0.0.1:80 10.0.0.2:45336\n"
            "    ESTABLISHED -> CLOSE-WAIT after 0.107 ms: 13 rcv FIN\n");
}

TEST(TraceText, names_from_outside_do_nothing_to_a_terminal_or_to_json) {
  TraceEvent e;
  e.pid = 1;
  e.command = "a\x1b[2J\"\n";
  EXPECT_EQ(trace_line(e, {}).find('\x1b'), std::string::npos);
  const std::string json = trace_json(e);
  EXPECT_EQ(json.find('\x1b'), std::string::npos);
  EXPECT_EQ(std::count(json.begin(), json.end(), '\n'), 1);
}

}  // namespace
}  // namespace estab::observe
