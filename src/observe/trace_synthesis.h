// From what Linux's tracepoints say to what happened. inet_sock_set_state omits TIME-WAIT (it says
// CLOSE when the full socket is replaced by a small record), the half-open time of a passive
// connection, the local port of a SYN-SENT that has not chosen one, and whose socket it is when a
// packet moves it. Pure: time arrives with the events and as arguments.
//
//   synthesis.feed(raw)          for each event, in order
//   synthesis.flush(now)         regularly: what was held back, and TIME-WAITs that end
//   synthesis.sample(rows, now)  now and then, what a look at the small sockets showed
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "observe/bpf/raw_event.h"
#include "observe/trace_event.h"

namespace estab::observe {

// One socket that a look showed in a state that tracepoints do not tell of.
struct SampledSocket {
  std::uint64_t cookie = 0;
  FourTuple tuple;
  State state = State::Closed;
  Duration expires{0};  // until its timer runs out
  std::uint32_t netns = 0;
  std::uint32_t uid = 0;
};

struct SynthesisOptions {
  Duration wall_offset{0};
  Duration fin_timeout = std::chrono::seconds(60);  // net.ipv4.tcp_fin_timeout
  std::uint32_t netns = 0;    // where sample() looks; other namespaces' small sockets end unseen
  bool resets = false;        // hand out the resets too
  bool synack_again = false;  // and each repeated SYN,ACK
  std::size_t most_records = 262144;  // TIME-WAITs and half-open ones remembered at once
};

class TraceSynthesis {
 public:
  TraceSynthesis(SynthesisOptions options, OnTraceEvent on);

  void feed(const bpf::raw_event& raw);
  void flush(Instant now);
  // All rows of SYN-RECEIVED, SYN-SENT, FIN-WAIT-2 and TIME-WAIT that a look showed. Rows of these
  // states that were known and are missing now have ended.
  void sample(const std::vector<SampledSocket>& rows, Instant now);

  // Whether a look would tell something: an unknown local port, a FIN-WAIT-2 without an owner.
  bool wants_sample() const {
    return unnamed_ != 0 || waiting_records_ != 0 || !half_open_.empty();
  }
  // Records that were forgotten because most_records were reached: their end is not told.
  std::uint64_t forgotten() const { return forgotten_; }
  void set_wall_offset(Duration offset) { options_.wall_offset = offset; }

 private:
  using Cookie = std::uint64_t;
  // A small socket: TIME-WAIT, or FIN-WAIT-2 without an owner.
  struct Record {
    TraceEvent last;  // `to` is its state
    Instant entered;
    Instant ends;
  };
  // What waits for the next event of the same connection, which tells why, or which port.
  struct Held {
    TraceEvent event;
    Instant until;
    bool unnamed = false;  // overdue, and still without its local port
  };
  struct HalfOpen {
    TraceEvent last;
    Instant since;
  };
  using Place = std::pair<std::uint32_t, FourTuple>;  // namespace, addresses

  TraceEvent base(const bpf::raw_event& raw) const;
  void transition(const bpf::raw_event& raw);
  void established_passively(TraceEvent event, const bpf::raw_event& raw);
  void closed(TraceEvent event, const bpf::raw_event& raw);
  void small_now(TraceEvent event, bool fin_seen);
  void reset_sent(const bpf::raw_event& raw);
  void half_open(TraceEvent event);
  void hold(const TraceEvent& event, Duration patience);
  std::optional<TraceEvent> release(Cookie cookie);
  void release_and_tell(Cookie cookie, const FourTuple& tuple);
  void remember(Cookie cookie, Record record);
  void end_record(Cookie cookie, Instant at, std::optional<Event> why, Rule rule);
  void end_reused(const TraceEvent& by, Rule rule);
  void tell(const TraceEvent& event) { on_(event); }
  void sampled_half_open(const SampledSocket& row, Instant now);
  void record_waits(Cookie cookie, Instant since);
  void fin_reached(const TraceEvent& segment);
  void sampled_connect(const SampledSocket& row);
  void end_missing(const std::vector<SampledSocket>& rows, Instant now);
  void tell_overdue(Instant now);

  SynthesisOptions options_;
  OnTraceEvent on_;
  std::unordered_map<Cookie, Record> records_;
  std::multimap<Instant, Cookie> ends_;
  std::map<Place, Cookie> places_;
  std::unordered_map<Cookie, HalfOpen> half_open_;
  std::unordered_map<Cookie, Held> held_;
  std::size_t unnamed_ = 0;          // of held_
  std::size_t waiting_records_ = 0;  // of records_: FIN-WAIT-2
  std::uint64_t forgotten_ = 0;
};

}  // namespace estab::observe
