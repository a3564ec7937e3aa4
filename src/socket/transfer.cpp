// Moving bytes. The loops are those of tcp_sendmsg() and tcp_recvmsg(): what was moved before an
// error is what the call returns, and the error waits for the next one.
#include <algorithm>
#include <array>

#include "socket/engine.h"

namespace estab::socket {
namespace {

bool opening(State state) { return state == State::SynSent || state == State::SynReceived; }

int take(int& error) { return std::exchange(error, 0); }

}  // namespace

// --- out
// ----------------------------------------------------------------------------------------------

Result<std::size_t> Engine::send_once(Entry& entry, Bytes bytes, unsigned flags) {
  if (!entry.connection) {
    const int error = take(entry.error);
    return fail(error != 0 ? error : EPIPE);
  }
  // sk_stream_wait_connect(): bytes are not queued before the handshake is done.
  if (opening(state_of(entry))) return fail(EAGAIN);
  const bool urgent = (flags & kOutOfBand) != 0;
  auto sent = stack_->send(entry.connection, bytes, urgent, (flags & kMore) != 0, now());
  if (!sent && sent.error().value() == ENOTCONN) return fail(EPIPE);
  if (sent && *sent == bytes.size() && (flags & kEndOfRecord) != 0) {
    stack_->end_record(entry.connection);
  }
  return sent;
}

Result<std::size_t> Engine::send(SocketId id, Bytes bytes, unsigned flags) {
  Lock held(mutex_);
  Entry* entry = find(id);
  if (entry == nullptr) return fail(EBADF);
  const bool dont_wait = (flags & kDontWait) != 0 || entry->nonblocking;
  const Deadline deadline = dont_wait ? kAtOnce : deadline_after(entry->options.send_timeout);
  std::size_t done = 0;
  do {
    auto sent = repeat<std::size_t>(
        held, id, deadline, [&](Entry& e) { return send_once(e, bytes.subspan(done), flags); });
    if (!sent) {
      if (done > 0) break;
      return sent;
    }
    done += *sent;
    if (const Entry* e = find(id)) note_call(*e, AppCall::Write);
    flush(held);
    if (*sent == 0) break;
  } while (done < bytes.size() && (!dont_wait || done == 0));
  return done;
}

// --- in
// -----------------------------------------------------------------------------------------------

Result<std::size_t> Engine::receive_once(Entry& entry, MutableBytes to, bool peek, bool& at_mark) {
  at_mark = false;
  if (entry.listener) return fail(ENOTCONN);
  if (!entry.connection) {
    const int error = take(entry.error);
    if (error != 0) return fail(error);
    if ((entry.shut & kShutRead) != 0) return std::size_t{0};
    return fail(ENOTCONN);
  }
  if (opening(state_of(entry))) return fail(EAGAIN);
  std::uint8_t nowhere;  // a call for nothing still says whether there is something
  const bool nothing = to.empty();
  auto got = stack_->receive(entry.connection, nothing ? MutableBytes{&nowhere, 1} : to,
                             peek || nothing, now());
  if (!got && got.error().value() == ENOTCONN) return std::size_t{0};  // it never was: shut down
  if (!got) return tl::unexpected(got.error());
  if (nothing) return std::size_t{0};
  at_mark = got->at_mark;
  return got->bytes;
}

Result<std::size_t> Engine::receive_urgent(Entry& entry, MutableBytes to, unsigned flags) {
  if (entry.listener) return fail(ENOTCONN);
  if (!entry.connection) return fail(EINVAL);
  auto byte = stack_->receive_urgent(entry.connection, (flags & kPeek) != 0, now());
  if (!byte) return tl::unexpected(byte.error());
  if (to.empty()) return std::size_t{0};
  to[0] = *byte;
  return std::size_t{1};
}

Result<std::size_t> Engine::receive_stream(Lock& lock, SocketId id, MutableBytes to,
                                           unsigned flags) {
  const Entry* entry = find(id);
  const bool dont_wait = (flags & kDontWait) != 0 || entry->nonblocking;
  const Deadline deadline = dont_wait ? kAtOnce : deadline_after(entry->options.receive_timeout);
  const bool peek = (flags & kPeek) != 0;
  const std::size_t low = std::max<std::size_t>(1, entry->options.receive_low_water);
  const std::size_t target = (flags & kWaitAll) != 0 ? to.size() : std::min(low, to.size());
  std::size_t done = 0;
  bool ended = false;  // by end of stream, the urgent mark or an error after some bytes
  auto result = repeat<int>(lock, id, deadline, [&](Entry& e) -> Result<int> {
    do {
      bool at_mark = false;
      if (peek) done = 0;
      auto got = receive_once(e, to.subspan(done), peek, at_mark);
      if (!got) {
        if (done > 0 && got.error().value() != EAGAIN) return 0;
        return tl::unexpected(got.error());
      }
      done += *got;
      ended = *got == 0 || at_mark;
    } while (!peek && !ended && done < target);
    if (!ended && done < target) return fail(EAGAIN);
    return 0;
  });
  entry = find(id);
  if (entry != nullptr && (done > 0 || result)) {
    const bool end = done == 0 && !to.empty();
    note_call(*entry, end ? AppCall::ReadEnd : AppCall::Read);
  }
  if (done > 0) {
    if (!peek) flush(lock);  // the window may have opened
    return done;
  }
  if (!result) return tl::unexpected(result.error());
  return done;
}

Result<std::size_t> Engine::receive(SocketId id, MutableBytes to, unsigned flags) {
  Lock held(mutex_);
  Entry* entry = find(id);
  if (entry == nullptr) return fail(EBADF);
  if ((flags & kOutOfBand) != 0) return receive_urgent(*entry, to, flags);
  if ((flags & kDiscard) == 0) return receive_stream(held, id, to, flags);
  // MSG_TRUNC: the bytes go nowhere.
  std::array<std::uint8_t, 16384> nowhere;
  std::size_t done = 0;
  while (done < to.size()) {
    const std::size_t want = std::min(nowhere.size(), to.size() - done);
    const bool first = done == 0 || (flags & kWaitAll) != 0;
    auto got = receive_stream(held, id, {nowhere.data(), want},
                              (first ? flags : flags | kDontWait) & ~unsigned{kPeek});
    if (!got && done == 0) return got;
    if (!got || *got == 0) break;
    done += *got;
  }
  return done;
}

}  // namespace estab::socket
