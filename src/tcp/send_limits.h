// Where a sender's time goes while it has something to send: TCP_INFO's busy_time, rwnd_limited and
// sndbuf_limited. They tell an operator whether the peer, the application or the path is slow.
#pragma once
#include <cstdint>

#include "estab/time.h"

namespace estab::tcp {

class SendLimits {
 public:
  enum class Kind : std::uint8_t {
    Idle,    // all is acknowledged
    Path,    // the congestion window, or the time of flight
    Window,  // the peer's receive window
    Buffer,  // the send buffer is too small for the path: the application waits for room
  };

  void now_by(Kind kind, Instant now) {
    if (kind == kind_) return;
    spend(now);
    kind_ = kind;
  }
  Duration busy(Instant now) const {
    return path_ + window_ + buffer_ + (kind_ == Kind::Idle ? Duration{0} : now - since_);
  }
  Duration by_window(Instant now) const { return window_ + running(Kind::Window, now); }
  Duration by_buffer(Instant now) const { return buffer_ + running(Kind::Buffer, now); }

 private:
  Duration running(Kind kind, Instant now) const {
    return kind_ == kind ? now - since_ : Duration{0};
  }
  void spend(Instant now) {
    if (kind_ == Kind::Path) path_ += now - since_;
    if (kind_ == Kind::Window) window_ += now - since_;
    if (kind_ == Kind::Buffer) buffer_ += now - since_;
    since_ = now;
  }

  Kind kind_ = Kind::Idle;
  Instant since_{};
  Duration path_{0}, window_{0}, buffer_{0};
};

}  // namespace estab::tcp
