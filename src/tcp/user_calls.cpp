// The user calls of RFC 9293 3.10.1 to 3.10.6: OPEN, SEND, RECEIVE, CLOSE, ABORT.
#include <algorithm>

#include "base/defence.h"
#include "tcp/connection.h"
#include "tcp/output.h"

namespace estab::tcp {

// --- OPEN on a passive connection: arrow 7 ------------------------------------------------------

Result<void> Connection::open_now(const Endpoint& remote, Context& context) {
  if (state_ != State::Listen) return fail(EISCONN);  // 3.10.1: connection already exists
  tuple_.remote = remote;
  opened_ = Opened::Actively;  // MUST-11: note 1 turns on it
  syn_due_ = true;
  context.counters.add(Counter::TcpActiveOpens);
  apply(Event::Send, context);
  return {};
}

// --- SEND (3.10.2) ------------------------------------------------------------------------------

namespace {

// Which states take data: at once, or when the handshake is done.
bool takes_data(State s) {
  return s == State::SynSent || s == State::SynReceived || s == State::Established ||
         s == State::CloseWait;
}

}  // namespace

// Queues what there is room for, by append(from, count); how much that was.
template <class Append>
std::size_t Connection::fill_queue(std::size_t size, bool more, Context& context, Append&& append) {
  const std::size_t goal = SendAccounting::chunk_goal(effective_mss(), max_snd_wnd_);
  std::size_t n = 0;
  while (n < size) {
    const std::size_t room = send_accounting_.room(goal, snd_nxt_, settings_.not_sent_low_water);
    const std::size_t part = std::min(room, size - n);
    if (part == 0) break;
    if (send_queue_.empty()) begin_progress(context);
    append(n, part);
    send_accounting_.append(part, goal, snd_nxt_);
    n += part;
    more_hint_ = more && n == size;
    pushed_ = !more;
    // What leaves of a full chunk makes room in it, and below TCP_NOTSENT_LOWAT.
    if (n < size) transmit(context);
  }
  wants_room_ = n < size;
  if (n > 0 && n < size) pushed_ = true;  // the rest is another SEND's
  if (n > 0 && !more_hint_ && !settings_.cork) hold_until_ = kNever;
  return n;
}

SendAccounting::Sender Connection::sender(const Tuning& tuning) const {
  SendAccounting::Sender s;
  s.nxt = snd_nxt_;
  s.in_flight = sent_.segments() * effective_mss();
  s.cwnd = congestion_.cwnd() * effective_mss();
  s.mss = effective_mss();
  s.peer_mss = peer_mss_;
  s.reordering = recovery_.reordering;
  s.low_water = settings_.not_sent_low_water;
  s.largest_bound = static_cast<std::size_t>(tuning.tcp_wmem_max);
  return s;
}

Result<std::size_t> Connection::send(Bytes bytes, bool urgent, bool more, Context& context) {
  if (error_ != 0) return fail(take_error());
  if (state_ == State::Listen && remote_given_) {
    // 3.10.2 LISTEN: "if the remote socket is specified, then change the connection from passive to
    // active, send the SYN"; the data follows the handshake.
    if (const auto opened = open_now(tuple_.remote, context); !opened) return fail(EPIPE);
  }
  if (!takes_data(state_) || fin_queued_) return fail(was_connected_ ? EPIPE : ENOTCONN);
  const std::size_t n = fill_queue(
      bytes.size(), more, context,
      [&](std::size_t at, std::size_t part) { send_queue_.append(bytes.subspan(at, part)); });
  if (n == 0 && !bytes.empty()) return fail(EAGAIN);
  if (urgent && n == bytes.size() && n > 0) {
    // The pointer names the octet after the urgent one (RFC 9293 3.8.5, MUST-62, RFC 6093 4).
    urgent_pending_ = true;
    snd_up_ = send_queue_.end();
  }
  return n;
}

Result<std::size_t> Connection::send(const Slice& bytes, bool more, Context& context) {
  if (error_ != 0) return fail(take_error());
  if (!takes_data(state_) || fin_queued_) return fail(was_connected_ ? EPIPE : ENOTCONN);
  const std::size_t n =
      fill_queue(bytes.length, more, context, [&](std::size_t at, std::size_t part) {
        send_queue_.append(
            bytes.sub(static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(part)));
      });
  if (n == 0 && bytes.length != 0) return fail(EAGAIN);
  return n;
}

void Connection::begin_progress(const Context& context) {
  progress_una_ = snd_una_;
  progress_at_ = context.now;
}

// --- RECEIVE (3.10.3) ---------------------------------------------------------------------------

Result<Readout> Connection::receive(MutableBytes to, bool peek, Context& context) {
  (void)context;
  Readout out;
  if (state_ == State::Listen || state_ == State::SynSent) {
    if (error_ != 0) return fail(take_error());
    return fail(state_ == State::Listen ? ENOTCONN : EAGAIN);
  }
  std::size_t limit = to.size();
  if (urgent_received_) {
    const SeqNum mark = rcv_up_ - 1;  // the urgent octet itself
    const SeqNum at = receive_queue_.read_position();
    if (at < mark) {
      limit = std::min(limit, static_cast<std::size_t>(mark - at));
    } else if (at == mark && receive_queue_.readable() > 0 && !peek) {
      // Past the mark: the octet is part of the stream (SO_OOBINLINE) or was read out of band.
      if (!settings_.oob_inline) receive_queue_.consume(1);
      urgent_received_ = false;
    } else if (at > mark) {
      urgent_received_ = false;
    }
  }
  out.bytes = receive_queue_.copy_out(0, to.first(limit));
  if (out.bytes > 0) {
    if (!peek) {
      receive_queue_.consume(out.bytes);
      read_since_ack_ = true;
    }
    out.at_mark = at_mark();
    return out;
  }
  if (to.empty()) return out;
  if (fin_received_) return out;  // end of stream; what went wrong later is for a write to find
  if (error_ != 0) return fail(take_error());
  if (read_shut_) return out;
  if (state_ == State::Closed) {
    if (was_connected_) return out;
    return fail(ENOTCONN);
  }
  return fail(EAGAIN);
}

Result<std::uint8_t> Connection::receive_urgent(bool peek, Context& context) {
  (void)context;
  if (settings_.oob_inline || !urgent_received_ || urgent_read_) return fail(EINVAL);
  const SeqNum mark = rcv_up_ - 1;
  const SeqNum at = receive_queue_.read_position();
  if (mark < at) return fail(EINVAL);
  std::uint8_t byte = 0;
  if (receive_queue_.copy_out(static_cast<std::size_t>(mark - at), {&byte, 1}) == 0) {
    return fail(EAGAIN);
  }
  if (!peek) urgent_read_ = true;
  return byte;
}

bool Connection::at_mark() const {
  return urgent_received_ && receive_queue_.read_position() == rcv_up_ - 1;
}

void Connection::set_settings(const Settings& settings, Context& context) {
  const bool keep_alive_changed = settings.keep_alive != settings_.keep_alive ||
                                  settings.keep_idle != settings_.keep_idle ||
                                  settings.keep_interval != settings_.keep_interval;
  const bool released =
      (settings_.cork && !settings.cork) || (!settings_.no_delay && settings.no_delay);
  if (settings.congestion != settings_.congestion) congestion_.choose(settings.congestion);
  settings_ = settings;
  if (settings_.send_buffer_fixed) send_accounting_.fix_bound(settings_.send_buffer);
  if (settings_.quick_ack.value_or(false) && delayed_ack_at_ != kNever) ack_due_ = true;
  if (released) {
    hold_until_ = kNever;
    more_hint_ = false;
  }
  if (keep_alive_changed) restart_keep_alive(context);
}

// --- CLOSE (3.10.4) -----------------------------------------------------------------------------

// A FIN follows the queued bytes. The state moves now, also where the FIN has to wait for a window:
// a state that lags behind close() would let CLOSE-WAIT accuse an application that did close.
void Connection::start_closing(Context& context) {
  fin_queued_ = true;
  more_hint_ = false;
  pushed_ = true;
  hold_until_ = kNever;
  if (state_ == State::SynReceived && send_queue_.size() > 0) {
    close_when_established_ = true;  // 3.10.4: queued for processing after ESTABLISHED
    return;
  }
  apply(Event::Close, context);
}

Result<void> Connection::shutdown_write(Context& context) {
  switch (state_) {
    case State::SynReceived:
    case State::Established:
    case State::CloseWait:
      if (!fin_queued_) start_closing(context);
      return {};
    case State::FinWait1:
    case State::FinWait2:
    case State::Closing:
    case State::LastAck:
    case State::TimeWait:
      return {};  // done already; 3.10.4 allows an "ok"
    case State::SynSent:
      apply(Event::Close, context);  // arrow 4
      return {};
    case State::Closed:
    case State::Listen:
      break;
  }
  return fail(ENOTCONN);
}

void Connection::shutdown_read(Context& context) {
  (void)context;  // sends nothing: the peer cannot be told
  read_shut_ = true;
}

void Connection::close(bool reset, Context& context) {
  if (orphan_) return;
  orphan_ = true;
  if (defended(Defence::OrphanBound)) {
    orphan_until_ = context.now + seconds_of(context.tuning.orphan_lifetime);
  }
  switch (state_) {
    case State::Closed:
      orphan_until_ = kNever;
      return;
    case State::Listen:
    case State::SynSent:
      apply(Event::Close, context);
      return;  // arrows 2 and 4
    case State::TimeWait:
      orphan_until_ = kNever;
      return;
    case State::SynReceived:
    case State::Established:
    case State::CloseWait:
    case State::FinWait1:
    case State::FinWait2:
    case State::Closing:
    case State::LastAck:
      break;
  }
  const bool unread = receive_queue_.readable() > 0;
  if (reset || unread) {
    // L17: linger {on, 0}. L18: data nobody will read; the peer must not believe that it was
    // (RFC 9293 3.6.1 SHLD-3, RFC 2525 2.17).
    context.counters.add(unread && !reset ? Counter::TcpExtTCPAbortOnClose
                                          : Counter::TcpExtTCPAbortOnData);
    send_reset(context);
    end(Event::Abort, unread && !reset ? Rule::L18_ClosedWithUnreadData : Rule::L17_Aborted, 0,
        context);
    return;
  }
  const bool at_once = settings_.fin_wait_2.has_value() && *settings_.fin_wait_2 < Duration{0};
  if (state_ == State::FinWait2) {
    if (at_once) {  // TCP_LINGER2 < 0
      context.counters.add(Counter::TcpExtTCPAbortOnLinger);
      send_reset(context);
      end(Event::Abort, Rule::L8_FinWait2Timeout, 0, context);
      return;
    }
    enter_state(context);  // the clock of L8 starts with the loss of the owner
    return;
  }
  if (!fin_queued_) start_closing(context);
}

// --- memory is short ----------------------------------------------------------------------------

void Connection::prune(Context& context) {
  if (!receive_queue_.has_gap()) return;
  context.counters.add(Counter::TcpExtOfoPruned);
  receive_queue_.forget_pieces();
}

void Connection::give_up_for_memory(Context& context) {
  context.counters.add(Counter::TcpExtTCPAbortOnMemory);
  send_reset(context);
  end(Event::UserTimeout, orphan_ ? Rule::L21_OrphanLimit : Rule::L20_TimedOut, ENOBUFS, context);
}

// --- ABORT (3.10.5) -----------------------------------------------------------------------------

void Connection::abort(Context& context) {
  if (state_ == State::Closed) return;
  if (step(state_, Event::Abort, opened_).then.has(Action::SndRst)) send_reset(context);
  end(Event::Abort, Rule::L17_Aborted, ECONNABORTED, context);
}

}  // namespace estab::tcp
