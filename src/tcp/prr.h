// Proportional Rate Reduction: how many segments an ACK lets out while the congestion window comes
// down to ssthresh, in a recovery or after ECN's mark (RFC 6937, RFC 6937bis 6). In segments.
#pragma once
#include <algorithm>
#include <cstdint>

namespace estab::tcp {

class Prr {
 public:
  void start(std::int64_t cwnd) { *this = Prr{static_cast<std::uint32_t>(cwnd)}; }
  void sent(std::int64_t n) { out_ += static_cast<std::uint32_t>(n); }
  // The congestion window after an ACK that reports `delivered` segments. `pipe`: in flight now;
  // `progress`: it moved SND.UNA, and no further loss was found ("SafeACK").
  std::int64_t window(std::int64_t pipe, std::int64_t ssthresh, std::int64_t delivered,
                      bool progress) {
    delivered_ += static_cast<std::uint32_t>(delivered);
    std::int64_t send = 0;
    if (pipe > ssthresh) {  // in proportion: ssthresh of prior_cwnd, rounded up
      send = (ssthresh * delivered_ + prior_cwnd_ - 1) / prior_cwnd_ - out_;
    } else {  // conserve packets, or one more for such an ACK in slow start's way, up to ssthresh
      send = std::max<std::int64_t>(std::int64_t{delivered_} - out_, delivered);
      if (progress) ++send;
      send = std::min(send, ssthresh - pipe);
    }
    // The first retransmission goes out whatever the window says.
    return pipe + std::max<std::int64_t>(send, out_ == 0 ? 1 : 0);
  }
  std::int64_t prior_cwnd() const { return prior_cwnd_; }

  explicit Prr(std::uint32_t prior_cwnd = 0) : prior_cwnd_(prior_cwnd) {}

 private:
  std::uint32_t prior_cwnd_ = 0;  // RecoverFS, in Linux's reading
  std::uint32_t delivered_ = 0, out_ = 0;
};

}  // namespace estab::tcp
