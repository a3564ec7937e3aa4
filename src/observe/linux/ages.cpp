#include "observe/linux/ages.h"

#include <algorithm>
#include <cstdio>

namespace estab::observe {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration kTimeWait = seconds(60);  // TCP_TIMEWAIT_LEN
constexpr Duration kLongestRto = seconds(120);

long read_number(const char* path, long otherwise) {
  long value = otherwise;
  if (std::FILE* file = std::fopen(path, "re")) {
    if (std::fscanf(file, "%ld", &value) != 1) value = otherwise;
    std::fclose(file);
  }
  return value;
}

Age estimate(Duration d) { return {std::max(d, Duration{0}), Known::Estimated}; }
Age at_least(Duration d) { return {std::max(d, Duration{0}), Known::AtLeast}; }

// The first SYN and its repetitions: 1 s each for a while, then doubling.
Duration since_first_syn(const Timer& timer, int linear) {
  const auto wait = [&](int i) {
    return std::min<Duration>(seconds(1LL << std::clamp(i - linear, 0, 10)), kLongestRto);
  };
  Duration past{0};
  const int sent_again = static_cast<int>(std::min<std::uint32_t>(timer.retries, 64));
  for (int i = 0; i < sent_again; ++i) past += wait(i);
  return past + std::max(wait(sent_again) - timer.left, Duration{0});
}

// The oldest segment that waits for its ACK (the FIN, when nothing else does): each repetition
// doubled the time-out.
Duration since_first_sent(const Timer& timer, const tcp::LinuxTcpInfo& info) {
  const Duration rto = std::chrono::microseconds(info.rto);
  const Duration first = rto / (1LL << std::min<int>(info.backoff, 20));
  return rto - first + std::max(rto - timer.left, Duration{0});
}

std::optional<Age> by_info(const Connection& c, const tcp::LinuxTcpInfo& info) {
  const Duration heard = milliseconds(info.last_ack_recv);
  const Duration longest =
      milliseconds(std::max({info.last_data_sent, info.last_data_recv, info.last_ack_recv}));
  switch (c.state) {
    case State::CloseWait:  // the FIN's ACK number was, as a rule, the last thing heard
    case State::FinWait2:   // the ACK of our FIN was
      return at_least(heard);
    case State::Established:
      return at_least(longest);  // the three start with the state
    case State::FinWait1:
    case State::Closing:
    case State::LastAck:
      if (c.timer.kind == tcp::TimerKind::Retransmit) {
        return estimate(since_first_sent(c.timer, info));
      }
      return at_least(heard);
    case State::Closed:
    case State::Listen:
    case State::SynSent:
    case State::SynReceived:
    case State::TimeWait:
      return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace

LinuxTimes read_linux_times() {
  LinuxTimes times;
  times.fin_timeout = seconds(read_number("/proc/sys/net/ipv4/tcp_fin_timeout", 60));
  times.syn_linear_timeouts =
      static_cast<int>(read_number("/proc/sys/net/ipv4/tcp_syn_linear_timeouts", 0));
  return times;
}

std::optional<Age> estimated_age(const Connection& c, const LinuxTimes& times) {
  if (c.state == State::TimeWait) return estimate(kTimeWait - c.timer.left);
  if (c.state == State::SynSent) {
    return estimate(since_first_syn(c.timer, times.syn_linear_timeouts));
  }
  if (c.state == State::FinWait2 && c.orphan) {
    if (c.timer.kind == tcp::TimerKind::TimeWait) return estimate(times.fin_timeout - c.timer.left);
    // Longer than TIME-WAIT lasts: the socket itself stays for the time above it.
    if (c.timer.kind == tcp::TimerKind::KeepAlive) {
      return estimate(times.fin_timeout - kTimeWait - c.timer.left);
    }
  }
  const tcp::LinuxTcpInfo* info = info_of(c);
  return info != nullptr ? by_info(c, *info) : std::nullopt;
}

}  // namespace estab::observe
