// The eleven states of RFC 9293 3.3.2 and how each world spells them.
#pragma once
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace estab {

enum class State : std::uint8_t {
  Closed,
  Listen,
  SynSent,
  SynReceived,
  Established,
  FinWait1,
  FinWait2,
  CloseWait,
  Closing,
  LastAck,
  TimeWait,
};
inline constexpr int kStates = 11;

std::string_view rfc_name(State s);      // "FIN-WAIT-1", "SYN-RECEIVED", "ESTABLISHED"
std::string_view ss_name(State s);       // "FIN-WAIT-1", "SYN-RECV", "ESTAB", "UNCONN"
std::string_view netstat_name(State s);  // "FIN_WAIT1", "SYN_RECV", "ESTABLISHED", "CLOSED"
int linux_number(State s);               // TCP_ESTABLISHED is 1 ...
std::optional<State> state_of_linux(int number);  // 12 (a request) is SynReceived

// Any of these spellings, in any case: "fin_wait_1", "FIN-WAIT-1", "finwait1", "estab"; and ss's
// groups: connected, synchronized, bucket, big, all. Empty result: none of them.
std::vector<State> states_named(std::string_view name);

}  // namespace estab
