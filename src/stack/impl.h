// The inside of Stack: all its tables, and the functions that move segments, calls and time through
// them. One class, because everything here may touch every table; its functions lie in one file for
// each concern:
//
//   impl.cpp         assembly, start, knobs             segments.cpp     a segment finds its memory
//   poll.cpp         one step                           half_open.cpp    SYN records: L4 to L6, L12
//   connections.cpp  life of a full connection          time_wait.cpp    records: L8, L10 to L14
//   binding.cpp      bind, listen, accept: L7           connect.cpp      active open, ports: L13
//   calls.cpp        send, receive, close: L21          errors.cpp       ICMP
//   look.cpp         what tools see                     cookies.cpp      SYN cookies: L6
//   end.cpp          what an operator ends              pressure.cpp     past tcp_mem: L20, L21
#pragma once
#include <optional>
#include <unordered_map>
#include <vector>

#include "base/prefix_limiter.h"
#include "base/ring.h"
#include "base/token_bucket.h"
#include "stack/connection_table.h"
#include "stack/demux.h"
#include "stack/ephemeral.h"
#include "stack/listeners.h"
#include "stack/memory.h"
#include "stack/stack.h"
#include "tcp/isn.h"
#include "tcp/state_machine.h"
#include "tcp/syn_cookie.h"

namespace estab::stack {

struct Binding {
  Endpoint local;
  BindOptions options;
  ListenerId listener;
  bool released = false;  // unbind() came while it listens: goes with the listener
};

class Stack::Impl {
 public:
  explicit Impl(Config config);
  ~Impl();

  // --- impl.cpp
  ip::InterfaceId attach(Device& device, const InterfaceConfig& config);
  void detach(ip::InterfaceId id, Instant now);
  ip::IpLayer& ip() { return ip_; }
  const std::string& memory_note() const { return memory_.note(); }
  tl::expected<void, std::string> set_tuning(std::string_view name, std::string_view value);
  const Tuning& tuning() const { return tuning_; }
  const Counters& counters() const { return counters_; }

  // --- poll.cpp
  std::optional<Instant> poll(Instant now);

  // --- binding.cpp
  Result<BindingId> bind(const Endpoint& local, const BindOptions& options);
  void unbind(BindingId id);
  std::optional<Endpoint> bound_to(BindingId id) const;
  Result<ListenerId> listen(BindingId id, const ListenOptions& options,
                            const tcp::Settings& settings, Instant now);
  Result<void> set_backlog(ListenerId id, int backlog);
  void set_listener_settings(ListenerId id, const tcp::Settings& settings,
                             const ListenOptions& options);
  Result<Accepted> accept(ListenerId id, Instant now);
  void close(ListenerId id, Instant now);

  // --- connect.cpp
  Result<ConnectionId> connect(std::optional<BindingId> binding, const Endpoint& remote,
                               const tcp::Settings& settings, Instant now);
  const std::optional<PortShortage>& port_shortage() const { return shortage_; }

  // --- calls.cpp
  Result<std::size_t> send(ConnectionId id, Bytes bytes, bool urgent, bool more, Instant now);
  Result<tcp::Readout> receive(ConnectionId id, MutableBytes to, bool peek, Instant now);
  Result<std::uint8_t> receive_urgent(ConnectionId id, bool peek, Instant now);
  Result<void> shutdown(ConnectionId id, bool read, bool write, Instant now);
  void close(ConnectionId id, bool reset, Instant now);
  void abort(ConnectionId id, Instant now);
  int take_error(ConnectionId id);
  Result<void> set_settings(ConnectionId id, const tcp::Settings& settings, Instant now);
  void push_out(ConnectionId id, Instant now);
  void end_record(ConnectionId id);
  const tcp::Connection* connection(ConnectionId id) const;
  tcp::Readiness readiness(ConnectionId id) const;
  tcp::Readiness readiness(ListenerId id) const;
  std::vector<Notice> take_notices();

  // --- end.cpp
  Result<void> end(const FourTuple& tuple, std::uint64_t id, End how, Instant now);

  // --- look.cpp
  std::uint64_t visit(std::uint64_t cursor, std::size_t limit, Instant now,
                      const std::function<void(const tcp::Info&)>& see) const;
  Totals totals() const;
  EventRead events_since(std::uint64_t since, std::size_t limit);

 private:
  struct Interface {
    ip::InterfaceId id{};
    Device* device = nullptr;
    std::size_t mtu = 0;
    bool stuck = false;  // the device did not take all of its frames
  };
  // What came beside a segment's bytes.
  struct Arrival {
    ip::InterfaceId interface {};
    Bytes source_route;
    std::uint64_t name = 0;  // hash of the tuple, the demultiplexer's: made once a segment
  };

  // --- impl.cpp
  void start(Instant now);
  void restore(Instant now);
  void hold_restored();
  bool quiet(Instant now) const { return now < quiet_until_; }
  tcp::Context context(Instant now);
  WireSeq initial_sequence(const FourTuple& tuple, Instant now) const;
  std::uint32_t timestamp_offset(const FourTuple& tuple) const;
  bool out_of_memory() const;
  // Past tcp_mem a connection may still hold a little, so that old work ends.
  bool may_hold_more(const ConnectionEntry& entry) const;
  std::size_t interface_mtu(ip::InterfaceId id, const IpAddress& remote, Instant now) const;
  tcp::Path path_to(const FourTuple& tuple, Instant now) const;
  // A lifecycle event that the stack itself has to tell.
  LifecycleEvent event(const FourTuple& tuple, std::uint64_t id, Instant now) const;
  // The same for a move that the state machine's table decides: next state and arrow are its.
  LifecycleEvent move(const FourTuple& tuple, std::uint64_t id, State from, Event why,
                      Instant now) const;
  void log(const LifecycleEvent& event);

  // --- poll.cpp
  bool receive_frames(Instant now);
  void process(Instant now);
  bool run_timers(Instant now);
  void flush(Instant now);
  void hand_out(Instant now);
  std::optional<Instant> next_deadline(Instant now, bool more) const;

  // --- segments.cpp
  void on_received(const ip::ReceivedSegment& received, Instant now);
  void dispatch(const wire::Segment& segment, const Arrival& arrival, Instant now);
  bool is(Ref ref, const FourTuple& tuple) const;
  Ref find(const FourTuple& tuple) const { return find(tuple, demux_.hash(tuple)); }
  Ref find(const FourTuple& tuple, std::uint64_t hash) const;
  void to_connection(ConnectionEntry& entry, const wire::Segment& segment, const Arrival& arrival,
                     Instant now);
  void follow_route(tcp::Connection& connection, Bytes route, Instant now);
  void to_listener(ListenerId id, const wire::Segment& segment, const Arrival& arrival,
                   Instant now);
  void to_nobody(const wire::Segment& segment, Instant now);
  bool may_reset(const IpAddress& remote, Instant now);
  ip::SendResult emit(const wire::Segment& segment, const ip::SendOptions& options, Instant now);
  // Sends and logs what a call into the core has appended, under this name.
  void drain(std::uint64_t id, Bytes ip_options, Instant now);

  // --- half_open.cpp
  void open_half(ListenerId id, const wire::Segment& syn, const Arrival& arrival, Ref time_wait,
                 Instant now);
  enum class Admission : std::uint8_t { kRecord, kCookie, kDrop };
  Admission admit(Listener& listener, const wire::Segment& syn, bool reopens, Instant now);
  Admission room_for(const Listener& listener, bool reopens) const;
  std::uint32_t syn_queue_bound(const Listener& listener) const;
  std::int64_t syn_ack_repeats(const Listener& listener) const;
  tcp::SynParameters syn_parameters(const Listener& listener, const wire::Segment& segment,
                                    ip::InterfaceId interface, Instant now) const;
  void note_syn_queue_full(Listener& listener, const wire::Segment& syn, Instant now);
  void drop_for_full_queue(Listener& listener, const wire::Segment& syn, Instant now);
  void to_syn(std::uint32_t index, const wire::Segment& segment, const Arrival& arrival,
              Instant now);
  bool fin_of_time_wait(SynEntry& entry, const wire::Segment& segment, Instant now);
  void promote(std::uint32_t index, const wire::Segment& segment, Instant now);
  ConnectionEntry& make_child(ListenerId id, std::uint64_t connection, const tcp::SynRecord& record,
                              Bytes route, Instant now);
  void hand_to_listener(ConnectionEntry& child, ListenerId id, const wire::Segment& segment,
                        Instant now);
  bool may_promote(std::uint32_t index, const wire::Segment& segment, Instant now);
  bool has_room_for_child(const Listener& listener);
  void refuse_overflow(std::uint32_t index, const wire::Segment& segment, Instant now);
  void send_syn_ack(std::uint32_t index, bool again, Instant now);
  void on_syn_timer(std::uint32_t index, Instant now);
  // The record goes; its tuple is free again, or its TIME-WAIT record's.
  enum class Timer : std::uint8_t { kRuns, kExpired };
  void drop_syn(std::uint32_t index, Timer timer, Instant now);
  void end_syn(std::uint32_t index, Event event, Rule rule, std::uint8_t flags, Timer timer,
               Instant now);
  Bytes route_of(std::uint32_t index) const;

  // --- cookies.cpp
  void answer_with_cookie(Listener& listener, const wire::Segment& syn, const Arrival& arrival,
                          Instant now);
  bool open_by_cookie(ListenerId id, const wire::Segment& ack, const Arrival& arrival, Instant now);
  void refuse_cookie(const wire::Segment& ack, Instant now);

  // --- time_wait.cpp
  void to_time_wait(Ref ref, const wire::Segment& segment, const Arrival& arrival, Instant now);
  bool compact(ConnectionEntry& entry, Instant now);
  void on_time_wait_timer(Ref ref, Instant now);
  // The record goes, its tuple with it (unless a SYN record stands for that), without a word.
  void forget_time_wait(Ref ref, Timer timer);
  void log_move(Ref ref, State from, Event why, Rule rule, std::uint8_t flags, Instant now);
  // What the table does not know: the 4-tuple goes to a new incarnation, or comes back (L12, L13).
  void note_time_wait(Ref ref, State to, Event event, Rule rule, std::uint8_t flags, Instant now);
  std::uint64_t id_of(const TimeWaitRecord& record) const;
  static Holder holder_of(const TimeWaitRecord& record, const IpAddress& local);
  void remember(Ref ref, Instant now);
  SavedTimeWait saved(Ref ref, Instant now) const;

  // --- connections.cpp
  ConnectionEntry& add_connection(tcp::Connection&& connection, const Holder& holder);
  ConnectionEntry* by_index(std::uint32_t index) const;
  void settle(ConnectionEntry& entry, Instant now);
  void after_transmit(ConnectionEntry& entry, Instant now);
  void join_runs();
  void drain(ConnectionEntry& entry, Instant now);
  void account(ConnectionEntry& entry);
  void tell(ConnectionEntry& entry);
  void mark_dirty(ConnectionEntry& entry);
  void rearm(ConnectionEntry& entry);
  void finish(ConnectionEntry& entry);   // it is Closed
  void release(ConnectionEntry& entry);  // its tuple and its port are free
  void destroy(ConnectionEntry& entry);
  tcp::Readiness readiness_of(const ConnectionEntry& entry) const;
  void tell(ListenerId id);

  // --- binding.cpp
  Holder holder_of(const Binding& binding) const;
  void release_binding(BindingId id);

  // --- end.cpp
  Result<void> end_listener(const Endpoint& local, std::uint64_t id, End how, Instant now);
  Result<void> end_connection(ConnectionEntry& entry, std::uint64_t id, End how, Instant now);

  // --- connect.cpp
  Result<IpAddress> source_for(const Binding* binding, const IpAddress& remote) const;
  std::optional<Port> choose_port(const IpAddress& local, const Endpoint& remote, Instant now);
  enum class TupleUse : std::uint8_t { kFree, kReusable, kTimeWait, kLive };
  TupleUse use_of(const FourTuple& tuple, Instant now) const;
  ConnectionId open_connection(const FourTuple& tuple, const Holder& holder,
                               const tcp::Settings& settings, Instant now);

  // --- pressure.cpp
  void relieve_memory(Instant now);

  // --- errors.cpp
  void on_icmp(const ip::IcmpError& error, Instant now);
  void icmp_to_connection(ConnectionEntry& entry, const ip::IcmpError& error, Instant now);
  void icmp_to_syn(std::uint32_t index, const ip::IcmpError& error, Instant now);
  void on_path_mtu(const IpAddress& destination, std::size_t mtu, Instant now);

  Tuning tuning_;
  Counters counters_;
  Random random_;
  SipKey secret_;
  std::int64_t wall_clock_ns_;
  Memory memory_;
  ip::IpLayer ip_;
  std::vector<Interface> interfaces_;

  Demux demux_;
  PortHolders ports_;
  EphemeralPorts ephemeral_;
  Slab<Binding, BindingTag> bindings_;
  ListenerTable listeners_;
  SynTable syns_;
  // Return routes of half-open connections that came by a source route (MUST-53): few, if any.
  std::unordered_map<std::uint32_t, std::vector<std::uint8_t>> routes_;
  TimeWaitTable time_waits_;
  mutable Slab<ConnectionEntry, ConnectionTag> connections_;
  TimingWheel timers_;  // goes before the connections whose nodes it links

  std::vector<ConnectionId> dirty_, flushing_;
  std::vector<ConnectionId> changed_;  // connections whose owners are to be told
  std::vector<ListenerId> changed_listeners_;
  std::vector<Notice> last_words_;  // of listeners that are gone
  Ring<LifecycleEvent> events_;
  std::uint64_t asked_ = 0;  // number of the first event nobody has read
  std::uint64_t next_id_ = 1;

  // Rates (RFC 5961 7, L23)
  TokenBucket challenge_acks_;
  PrefixLimiter resets_;
  PrefixLimiter syn_acks_;  // unanswered ones
  tcp::SynCookies cookies_;

  // Who is looked at next when memory is short, and when.
  std::uint32_t pressure_cursor_ = 0;
  Instant pressure_at_{};

  // Clocks: set by the first `now` that is seen.
  bool started_ = false;
  Instant quiet_until_{};
  Duration wall_offset_{0};  // wall clock minus Instant; 0 without memory
  std::optional<tcp::IsnGenerator> isn_;
  Duration isn_offset_{0};
  Instant clock_kept_{};

  // Totals
  std::array<std::uint64_t, kStates> by_state_{};  // full connections
  std::uint64_t fin_wait_2_records_ = 0;           // of the TIME-WAIT table
  std::uint64_t orphans_ = 0;
  std::uint64_t payload_bytes_ = 0;

  std::optional<PortShortage> shortage_;
  // Destinations known to have no port left, so that the next connect() need not look at all of
  // them again: good until a port comes free or a TIME-WAIT grows old enough for L13.
  struct Exhausted {
    IpAddress local;
    PortShortage shortage;
    std::uint64_t releases = 0;
    Instant until{};
  };
  std::array<std::optional<Exhausted>, 16> exhausted_;
  std::uint64_t releases_ = 1;  // ports set free or in TIME-WAIT now, knobs changed

  // For the length of one call
  ip::Received received_;
  std::vector<ReceivedFrame> frames_;
  std::vector<wire::Segment> out_segments_;
  std::vector<LifecycleEvent> out_events_;
};

}  // namespace estab::stack
