// One TCP connection (RFC 9293's TCB): a value. It does no input and no output, asks no clock, no
// randomness, takes no lock, knows no socket. Its driver
//
//   (A) looks            state(), readiness(), info(), deadline()
//   (B) hands it inputs  on_segment(), on_time(), on_error()
//   (C) hands it calls   send(), receive(), shutdown_write(), close(), abort() ...
//   (D) asks for output  transmit()
//
// in any order, each with a Context that says what time it is and takes what comes out. After (B)
// and (C) the driver calls transmit() once, when it has no more input for this connection: so ACKs
// aggregate over a batch (RFC 9293 3.10.7.4, MUST-58, MUST-59).
//
// The eleven states are all here, LISTEN and TIME-WAIT too: a Connection alone is the whole RFC
// and is what the tests and the simulator walk. A stack keeps listeners, half-open connections and
// TIME-WAIT in smaller forms (record.h).
#pragma once
#include <optional>

#include "estab/error.h"
#include "tcp/congestion.h"
#include "tcp/context.h"
#include "tcp/ecn.h"
#include "tcp/info.h"
#include "tcp/receive_queue.h"
#include "tcp/record.h"
#include "tcp/recovery.h"
#include "tcp/rtt.h"
#include "tcp/scoreboard.h"
#include "tcp/send_accounting.h"
#include "tcp/send_limits.h"
#include "tcp/send_queue.h"
#include "tcp/sent_segments.h"
#include "tcp/settings.h"
#include "tcp/state_machine.h"

namespace estab::tcp {

// What the application could do now without waiting; poll(2)'s meaning.
enum Ready : std::uint8_t {
  kReadable = 0x01,    // bytes, end of stream, or an error to read
  kWritable = 0x02,    // room in the send buffer, or an error to read
  kUrgent = 0x04,      // an urgent byte waits (POLLPRI)
  kReadClosed = 0x08,  // the peer's FIN was received, or SHUT_RD (POLLRDHUP)
  kHangup = 0x10,      // both directions are closed (POLLHUP)
  kError = 0x20,       // a pending error (POLLERR)
  kConnected = 0x40,   // the handshake is done
};
using Readiness = std::uint8_t;

// What the network below says of the path (ip floor).
struct Path {
  std::size_t mtu = 1500;      // largest IP packet to this destination, bytes
  std::size_t our_mtu = 1500;  // largest that we can receive: MSS option (MUST-67, SHLD-6)
  bool loopback = false;       // tcp_tw_reuse 2
};

// An ICMP error about a segment of this connection, already matched to it by the 4-tuple.
struct PathError {
  enum class Kind : std::uint8_t { Soft, Hard, TooBig };
  Kind kind = Kind::Soft;
  WireSeq seq;          // of the quoted segment: checked against what is in flight (RFC 5927 4)
  int error = 0;        // errno, Soft and Hard
  std::size_t mtu = 0;  // TooBig
};

struct Readout {  // what receive() moved
  std::size_t bytes = 0;
  bool at_mark = false;  // it stopped at the urgent mark
};

class Connection {
 public:
  // --- OPEN (RFC 9293 3.10.1) ---
  // `id` names it in events; the driver chooses it. SYN goes out with the next transmit().
  static Connection open_active(std::uint64_t id, const FourTuple& tuple, const Settings& settings,
                                const Path& path, WireSeq iss, std::uint32_t ts_offset,
                                Context& context);
  // One passive OPEN: LISTEN within this very object. tuple.remote may be unspecified (port 0).
  static Connection open_passive(std::uint64_t id, const FourTuple& tuple, const Settings& settings,
                                 const Path& path, WireSeq iss, std::uint32_t ts_offset,
                                 Context& context);
  // A SYN-queue record whose final ACK came: the child of a listener, in SYN-RECEIVED. Give it that
  // segment next.
  static Connection from_record(std::uint64_t id, const SynRecord& record, const Settings& settings,
                                const Path& path, Context& context);

  // --- (B) inputs ---
  // Answers that may not wait (RST, challenge ACK) are appended at once; the rest by transmit().
  // True: it passed the checks of its sequence number, RST, SYN and ACK (RFC 9293 3.10.7.4), so it
  // is no stranger's guess.
  bool on_segment(const wire::Segment& segment, Context& context);
  void on_time(Context& context);  // runs every timer that is due
  // False: the quoted sequence number is not in flight; ignored (RFC 5927). For TooBig, true means
  // that the driver may confirm the new path MTU.
  bool on_error(const PathError& error, Context& context);
  void on_path_mtu(std::size_t mtu, Context& context);  // learned from another connection

  // --- (C) calls ---
  // Queue bytes; returns how many fitted. EAGAIN none, EPIPE after our close or the connection's end,
  // ENOTCONN before it, or the pending error (cleared). `urgent`: SEND with the URGENT flag: the last
  // byte taken is the urgent one (RFC 9293 3.8.5, RFC 6093). `more`: MSG_MORE.
  Result<std::size_t> send(Bytes bytes, bool urgent, bool more, Context& context);
  Result<std::size_t> send(const Slice& bytes, bool more, Context& context);  // no copy
  // MSG_EOR: no segment, sent again or not, holds bytes from both sides of where the queue ends now.
  void end_record() { send_accounting_.end_record(); }
  // Move bytes to `to`; 0 is end of stream. EAGAIN none there, ENOTCONN, or the pending error
  // (cleared). `peek` leaves them in the queue. Stops at the urgent mark.
  Result<Readout> receive(MutableBytes to, bool peek, Context& context);
  // The one out-of-band byte (MSG_OOB). EINVAL: none, or oob_inline; EAGAIN: announced, not here
  // yet.
  Result<std::uint8_t> receive_urgent(bool peek, Context& context);
  bool at_mark() const;  // SIOCATMARK (MUST-33)
  void set_settings(const Settings& settings, Context& context);
  // What Nagle or a cork holds back goes now: TCP_NODELAY does that each time it is set.
  void push_out() { push_now_ = true; }
  const Settings& settings() const { return settings_; }

  Result<void> shutdown_write(Context& context);  // CLOSE of our direction; the owner reads on
  void shutdown_read(Context& context);           // sends nothing; reads return end of stream
  // The application lets go (close(2)): unread data or none decides between RST and FIN (L18,
  // MAY-1); with `reset` it is linger {on, 0} (L17). Afterwards an orphan; bounded in every state
  // (L22).
  void close(bool reset, Context& context);
  void abort(Context& context);  // ABORT, 3.10.5
  // The OPEN calls of a passive connection that become active (arrow 7).
  Result<void> open_now(const Endpoint& remote, Context& context);
  // SO_ERROR: the pending error, cleared by the look.
  int take_error();
  int soft_error() const { return soft_error_; }

  // --- (D) output ---
  // Appends every segment that is due now: data that the windows allow, retransmissions, FIN, ACK.
  void transmit(Context& context);

  // --- (A) looks ---
  State state() const { return state_; }
  std::uint64_t id() const { return id_; }
  const FourTuple& tuple() const { return tuple_; }
  Opened opened() const { return opened_; }
  bool orphan() const { return orphan_; }
  // The earliest timer; kNever when none runs.
  Instant deadline() const;
  Readiness readiness() const;
  Info info(const Tuning& tuning, Instant now) const;
  Instant state_since() const { return state_since_; }
  std::size_t memory() const;          // payload memory really held, bytes
  std::size_t readable_bytes() const;  // SIOCINQ
  std::size_t unacked_bytes() const;   // SIOCOUTQ
  std::size_t unsent_bytes() const;    // SIOCOUTQNSD
  std::size_t queued_cost() const { return send_accounting_.cost(); }   // SO_MEMINFO's wmem_queued
  std::size_t send_buffer() const { return send_accounting_.bound(); }  // SO_SNDBUF
  // The two peers of a closing connection hold nothing more: the driver may keep time_wait() in its
  // place and delete this (TIME-WAIT; FIN-WAIT-2 of an orphan).
  bool compactable() const;
  TimeWait time_wait() const;
  Duration time_wait_length(const Tuning& tuning) const;
  // Since when the peer has not taken a segment's worth of what is queued; kNever when nothing is.
  Instant stalled_since() const { return send_queue_.empty() ? kNever : progress_at_; }
  // Memory is short. Forgets what lies beyond gaps (RFC 2018 8 allows it).
  void prune(Context& context);
  // Ends, with a RST and ENOBUFS for the owner, what only holds memory (RFC 6429).
  void give_up_for_memory(Context& context);
  // R1 passed: the route is doubtful, IP should look for another (MUST-20). Cleared by the look.
  bool take_doubt();

 private:
  friend class Inspector;  // tests look inside, never change

  // --- connection.cpp, user_calls.cpp
  void apply(Event event, Context& context, Rule rule = Rule::None, int error = 0);
  void note(Rule rule, Context& context, int error = 0) const;
  void start(std::uint64_t id, const FourTuple& tuple, const Settings& settings, const Path& path,
             WireSeq iss, std::uint32_t ts_offset, const Context& context);
  void end(Event event, Rule rule, int error, Context& context);
  void enter_state(Context& context);
  void start_closing(Context& context);
  SendAccounting::Sender sender(const Tuning& tuning) const;
  template <class Append>
  std::size_t fill_queue(std::size_t size, bool more, Context& context, Append&& append);
  void begin_progress(const Context& context);

  // --- segment_arrives.cpp: the eight steps of 3.10.7.4, and LISTEN, SYN-SENT
  void arrives_in_listen(const wire::Segment& segment, Context& context);
  void arrives_in_syn_sent(const wire::Segment& segment, Context& context);
  void arrives_in_time_wait(const wire::Segment& segment, Context& context);
  bool passes_first_four(const wire::Segment& segment, Context& context);
  bool check_ack(const wire::Segment& segment, Context& context);
  void check_urgent(const wire::Segment& segment, Context& context);
  void process_text(const wire::Segment& segment, Context& context);
  void check_fin(const wire::Segment& segment, Context& context);
  void adopt_syn(const wire::Segment& segment, Context& context);
  void on_reset(Context& context);
  void challenge(Context& context);
  void answer_unacceptable(const wire::Segment& segment, Context& context);
  void become_established(const wire::Segment& segment, Context& context);
  void queue_text(const wire::Segment& segment, SeqNum seq, Context& context);
  void end_by_late_data(Context& context);
  void schedule_ack(bool at_once, Context& context);
  bool may_read_on() const { return !orphan_ && !read_shut_; }

  // --- acknowledge.cpp: what an acceptable ACK does
  void acknowledge(const wire::Segment& segment, Context& context);
  bool update_send_window(const wire::Segment& segment, SeqNum seq, SeqNum ack, Context& context);
  void take_timestamp(const wire::Segment& segment, const Context& context);
  bool window_limits() const;
  void advance_una(SeqNum ack, AckNews& news, Context& context);
  void after_ack_of_fin(Context& context);
  SeqNum fin_seq() const { return send_queue_.end(); }  // of our FIN; read when fin_queued_
  bool fin_acked() const { return fin_sent_ && snd_una_ > fin_seq(); }
  std::int64_t in_flight() const { return snd_nxt_ - snd_una_; }

  // --- loss_detection.cpp: what an ACK says of each segment; RACK, RFC 8985 6
  AckNews before_ack() const;
  void record_sacks(const wire::TcpOptions& options, SeqNum ack, AckNews& news, Context& context);
  void note_sacked(SentSegments::Index i, AckNews& news, Context& context);
  void note_duplicate(const Duplicate& d, AckNews& news, Context& context);
  void note_reordering(SeqNum hole, SeqNum highest, Counter counter, Context& context);
  void forget_acked(SeqNum ack, AckNews& news, Context& context);
  void measure(const wire::Segment& segment, AckNews& news, Context& context);
  void add_duplicate(AckNews& news, Context& context);
  void take_duplicates(std::uint32_t count, AckNews& news);
  Duration reordering_window(const Context& context) const;
  Duration mark_overdue(Context& context);
  void mark_lost(SentSegments::Index i, Context& context);
  void detect_loss(AckNews& news, Context& context);

  // --- recovery.cpp: what follows; RFC 5681, 6582, 6675, 6937
  void react(SeqNum ack, AckNews& news, Context& context);
  void count_delivered(const AckNews& news, Context& context);
  void move_window(const AckNews& news, Context& context);
  void alert(AckNews& news, Context& context);
  void find_losses(AckNews& news, Context& context);
  void count_duplicates(AckNews& news, Context& context);
  bool reneged(const AckNews& news, Context& context);
  bool leave_state(const AckNews& news, Context& context);
  bool repair_goes_on(AckNews& news, Context& context);
  void set_state(CaState state);
  void try_to_open(const AckNews& news, Context& context);
  void keep_open();
  bool any_copy_outstanding() const;
  std::uint32_t arrived_apart() const;
  std::int64_t pipe() const;  // segments in flight
  std::int64_t flight_within_cwnd() const;
  void begin_reduction(std::int64_t flight);
  void end_reduction();
  void enter_recovery(bool ece, Context& context);
  std::int64_t threshold_to_keep() const;
  void enter_cwr(Context& context);
  void enter_loss(bool first, Context& context);
  void count_failure(Context& context);
  void mark_by_timeout(Context& context);
  void send_all_again(Context& context);
  void process_loss(AckNews& news, Context& context);

  // --- undo.cpp: RFC 4015, 3708, 3522
  bool may_undo(const AckNews& news) const;
  void undo_reduction(bool unmark);
  bool undo_at_the_end(const AckNews& news, Context& context);
  bool undo_by_duplicates(Context& context);
  bool undo_partly(const AckNews& news, Context& context);
  bool undo_timeout(bool by_frto, const AckNews& news, Context& context);

  // --- transmit.cpp
  void send_new(Context& context);
  void restart_after_idle(Context& context);
  void note_usage(bool sent, Context& context);
  SendLimits::Kind limited_by() const;
  bool send_one(Context& context);  // the next new segment; false: nothing may go
  bool retransmit_one(bool forced, Context& context);  // what is lost; false: nothing, or no room
  void join_following(SentSegments::Index i, SeqNum begin, std::int64_t window);
  void send_fresh(std::int64_t length, bool fin, Context& context);
  void send_again(SentSegments::Index i, Context& context);
  void count_copy(std::int64_t length);
  bool may_send_part(std::int64_t length, std::int64_t available, Context& context);
  std::int64_t segment_length(SeqNum from, std::int64_t available) const;
  void send_range(SeqNum seq, std::int64_t length, bool fin, bool again, Context& context);
  void send_syn(Context& context);
  void send_ack(Context& context);
  void send_reset(Context& context);
  void emit(wire::Segment&& segment, Context& context, bool again);
  wire::Segment blank(wire::Flags flags, SeqNum seq, Context& context);
  void add_sack(wire::Segment& segment);
  std::uint16_t offer_window(Context& context);
  bool can_send_data() const;
  bool window_update_due() const;

  // --- timers.cpp
  void arm_retransmit(Context& context);
  void restart_timeout(Context& context);
  Duration until_timeout(const Context& context) const;
  void arm_for_flight(Context& context);
  void arm_reordering(Duration wait, Context& context);
  void reordering_over(Context& context);
  void arm_persist(Context& context);
  void restart_keep_alive(Context& context);
  void run_retransmit(Context& context);
  void probe_window(Context& context);
  Duration give_up_after(std::int64_t retries, const Tuning& tuning) const;
  void run_keep_alive(Context& context);
  void run_state_timer(Context& context);
  bool retries_spent(Context& context) const;
  bool handshake_retries_spent(Context& context) const;
  void time_out(Rule rule, Context& context);
  Duration backed_off(const Context& context) const;
  void stop_timers();
  void fill_windows(Info& info) const;

  // --- tail_probe.cpp: RFC 8985 7
  bool arm_tail_probe(bool restart, Context& context);
  void probe_tail(Context& context);
  void judge_tail_probe(SeqNum ack, const AckNews& news, Context& context);

  // --- path.cpp
  std::int64_t effective_mss() const;  // RFC 9293 3.7.1, MUST-16
  void suspect_black_hole(Context& context);

  // sequence space: RFC 9293 3.3.1, by its own names
  SeqNum iss_, snd_una_, snd_nxt_, snd_wl1_, snd_wl2_, snd_up_;
  std::uint32_t snd_wnd_ = 0, max_snd_wnd_ = 0;
  SeqNum irs_, rcv_nxt_, rcv_up_, rcv_adv_;  // rcv_adv: right edge of the window last offered
  SeqNum last_ack_sent_;                     // RFC 7323: Last.ACK.sent
  std::optional<SeqNum> peer_fin_;           // where the peer's FIN stands, once we have seen it

  std::uint64_t id_ = 0;
  FourTuple tuple_;
  Settings settings_;
  Path path_;
  State state_ = State::Closed;
  Opened opened_ = Opened::Actively;
  Instant state_since_{};

  // flags
  bool orphan_ = false;      // no application owns it any more
  bool fin_queued_ = false;  // our direction is closed: a FIN follows the queued bytes
  bool fin_sent_ = false;
  bool fin_received_ = false;
  bool read_shut_ = false;               // SHUT_RD
  bool close_when_established_ = false;  // CLOSE in SYN-RECEIVED with queued data (3.10.4)
  bool syn_due_ = false;                 // a SYN or SYN,ACK waits for transmit()
  bool ack_due_ = false;                 // an ACK waits for transmit()
  bool read_since_ack_ = false;          // the application made room that the peer may not know of
  bool was_connected_ = false;
  bool urgent_pending_ = false;   // snd_up_ means something
  bool urgent_received_ = false;  // rcv_up_ means something
  bool urgent_read_ = false;
  bool doubt_ = false;
  bool more_hint_ = false;         // MSG_MORE: until the next ACK
  bool pushed_ = true;             // the last SEND had the PUSH flag: no MSG_MORE
  bool wants_room_ = false;        // send() took less than it was given
  bool was_acked_ = false;         // an ACK came since the last transmit()
  bool push_now_ = false;          // what is held back goes with the next transmit()
  bool held_long_enough_ = false;  // a corked segment's time is over
  bool remote_given_ = false;      // OPEN named the remote socket

  wire::Flags cause_ = 0;  // flags of the segment being processed, 0 in calls and timers

  // agreed options
  bool ts_ok_ = false, sack_ok_ = false, wscale_ok_ = false;
  std::uint8_t snd_wnd_shift_ = 0, rcv_wnd_shift_ = 0;
  std::uint32_t ts_offset_ = 0, ts_recent_ = 0;
  Instant ts_recent_at_{};
  std::uint16_t peer_mss_ = 536, our_mss_ = 1460;
  std::size_t mss_limit_ = 65535;  // lowered by black-hole detection

  int error_ = 0, soft_error_ = 0;

  SendQueue send_queue_;
  SendAccounting send_accounting_;  // of what send_queue_ holds
  ReceiveQueue receive_queue_;
  SentSegments sent_;  // what of it is in flight
  Scoreboard scoreboard_;
  RttEstimator rtt_;
  Congestion congestion_;

  Recovery recovery_;
  Ecn ecn_;
  SeqNum small_seq_;        // end of the last small segment (Nagle, Minshall's way)
  bool syn_timed_ = false;  // our SYN went once, at retry_since_
  SeqNum round_end_;        // SND.NXT at the last sample of the round-trip time
  // Was the congestion window ever full, and if not, how many segments were in flight, in the window
  // of data that ends at usage_end_? What was not used is not grown (RFC 7661's reason). And how many
  // of it were used at most since usage_at_.
  bool window_was_full_ = false;
  std::uint32_t most_in_flight_ = 0, most_used_ = 0;
  SeqNum usage_end_;
  Instant usage_at_{};

  // timers; kNever: not running
  // What retransmit_at_ is for: one at a time, each stands in for the timeout.
  enum class Timer : std::uint8_t { Retransmit, Probe, Reordering } timer_ = Timer::Retransmit;
  Instant retransmit_at_ = kNever, persist_at_ = kNever, delayed_ack_at_ = kNever;
  Instant keep_alive_at_ = kNever, state_at_ = kNever, hold_until_ = kNever;
  Instant orphan_until_ = kNever;  // L22: an orphan's last hour
  int retries_ = 0, probes_ = 0, keep_probes_ = 0, backoff_ = 0;
  Instant retry_since_{};  // first transmission of what is being repeated
  Instant probe_since_{};  // since when the peer has not answered zero-window probes
  Instant last_heard_{};   // any segment of the peer
  SeqNum progress_una_;    // SND.UNA when the peer last took a segment's worth of our data ...
  Instant progress_at_{};  // ... and when that was, or when the queue began to fill

  // delayed ACK
  std::int64_t unacked_received_ = 0;  // bytes received since our last ACK
  int quick_acks_ = 0;                 // ACK at once this many times
  std::uint32_t rcv_mss_ = 536;        // RMSS: what full-sized looks like
  std::optional<wire::SackBlock> dsack_;

  SendLimits send_limits_;
  std::uint32_t total_rto_ = 0;  // retransmission timeouts, of the SYN too

  // rate limits of answers, and totals
  Instant last_answer_{};
  bool answered_ = false;
  Instant last_data_sent_{}, last_data_received_{}, last_ack_received_{};
  std::uint64_t bytes_sent_ = 0, bytes_acked_ = 0, bytes_received_ = 0, bytes_retrans_ = 0;
  std::uint32_t segs_in_ = 0, segs_out_ = 0, data_segs_in_ = 0, data_segs_out_ = 0;
  std::uint32_t total_retrans_ = 0, dsack_dups_ = 0, rcv_ooopack_ = 0;
};

}  // namespace estab::tcp
