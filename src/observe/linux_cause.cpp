#include "observe/linux_cause.h"

#include <algorithm>
#include <array>
#include <cerrno>

#include "tcp/state_machine.h"

namespace estab::observe {
namespace {

// In the order of Linux's enum sk_rst_reason.
constexpr std::array<std::string_view, 25> kReasons{
    "",
    "NO_SOCKET",
    "TCP_INVALID_ACK_SEQUENCE",
    "TCP_RFC7323_PAWS",
    "TCP_TOO_OLD_ACK",
    "TCP_ACK_UNSENT_DATA",
    "TCP_FLAGS",
    "TCP_OLD_ACK",
    "TCP_ABORT_ON_DATA",
    "TCP_TIMEWAIT_SOCKET",
    "INVALID_SYN",
    "TCP_ABORT_ON_CLOSE",
    "TCP_ABORT_ON_LINGER",
    "TCP_ABORT_ON_MEMORY",
    "TCP_STATE",
    "TCP_KEEPALIVE_TIMEOUT",
    "TCP_DISCONNECT_WITH_DATA",
    "MPTCP_RST_EUNSPEC",
    "MPTCP_RST_EMPTCP",
    "MPTCP_RST_ERESOURCE",
    "MPTCP_RST_EPROHIBIT",
    "MPTCP_RST_EWQ2BIG",
    "MPTCP_RST_EBADPERF",
    "MPTCP_RST_EMIDDLEBOX",
    "ERROR",
};
constexpr std::uint32_t kAbortOnData = 8, kAbortOnClose = 11, kAbortOnLinger = 12,
                        kAbortOnMemory = 13, kStateReason = 14, kKeepAlive = 15,
                        kDisconnectWithData = 16;

bool is_soft(int error) {  // an ICMP error's, or of the route
  return error == EHOSTUNREACH || error == ENETUNREACH || error == EHOSTDOWN || error == ENETDOWN ||
         error == EACCES || error == EPROTO || error == ENOPROTOOPT;
}

Cause by_error(const Closing& c) {
  const bool opening = c.from == State::SynSent;
  if (c.error == ECONNREFUSED && opening) return {Event::RcvRst, 0, Rule::L3_SynRefused};
  if (c.error == ECONNABORTED) return {Event::Abort, 0, Rule::L17_Aborted};
  if (c.error == ETIMEDOUT && opening) return {Event::UserTimeout, 0, Rule::L1_SynRetriesSpent};
  if (is_soft(c.error) && opening) return {std::nullopt, 0, Rule::L2_SynUnreachable};
  if (c.error == ETIMEDOUT && c.from == State::SynReceived) {
    return {Event::UserTimeout, 0, Rule::L4_SynAckRetriesSpent};
  }
  if (c.error == ETIMEDOUT && c.orphan) return {Event::UserTimeout, 0, Rule::L21_OrphanLimit};
  if (c.error == ETIMEDOUT || is_soft(c.error)) return {Event::UserTimeout, 0, Rule::L20_TimedOut};
  if (c.error == ECONNRESET || c.error == EPIPE || c.error == ECONNREFUSED) {
    return {Event::RcvRst, 0, Rule::L15_Reset};
  }
  return {};
}

}  // namespace

Cause arrow_cause(State from, State to) {
  for (const tcp::Arrow& a : tcp::kFigure5) {
    if (a.from == from && a.to == to) return {a.on, a.n, Rule::None};
  }
  return {};
}

Cause closing_cause(const Closing& c) {
  if (c.error != 0) return by_error(c);
  if (c.from == State::Listen || c.from == State::SynSent || c.from == State::LastAck) {
    return arrow_cause(c.from, State::Closed);
  }
  if (c.owner_is_listener) return {Event::Abort, 0, Rule::L7_ListenerClosed};
  return {Event::Abort, 0, Rule::None};
}

Cause reset_cause(const Closing& c, std::uint32_t reason) {
  const bool half = c.from == State::FinWait1 || c.from == State::FinWait2;
  switch (reason) {
    case kAbortOnData:
      if (c.orphan && half) return {Event::Abort, 0, Rule::L19_DataAfterClose};
      break;
    case kAbortOnClose:
      return {Event::Abort, 0, Rule::L18_ClosedWithUnreadData};
    case kAbortOnMemory:
      return {Event::Abort, 0, Rule::L21_OrphanLimit};
    case kKeepAlive:
      return {Event::UserTimeout, 0, Rule::L20_TimedOut};
    case kAbortOnLinger:
    case kStateReason:
    case kDisconnectWithData:
      break;
    default:
      return closing_cause(c);
  }
  if (c.error != 0 || c.owner_is_listener) return closing_cause(c);
  return {Event::Abort, 0, Rule::L17_Aborted};
}

std::string_view reset_reason_name(std::uint32_t reason) {
  return reason < kReasons.size() ? kReasons[reason] : std::string_view{};
}

bool moved_by_call(State from, State to) {
  using S = State;
  constexpr std::array kCalls{
      std::pair{S::Closed, S::Listen},        std::pair{S::Closed, S::SynSent},
      std::pair{S::Listen, S::Closed},        std::pair{S::Established, S::FinWait1},
      std::pair{S::SynReceived, S::FinWait1}, std::pair{S::CloseWait, S::LastAck}};
  return std::find(kCalls.begin(), kCalls.end(), std::pair{from, to}) != kCalls.end();
}

}  // namespace estab::observe
