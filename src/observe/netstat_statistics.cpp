#include "observe/netstat_statistics.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string_view>

namespace estab::observe {
namespace {

struct Sentence {
  std::string_view section, counter, text;  // "#" stands for the number
  bool always = false;                      // also when it is 0
};
// clang-format off
constexpr Sentence kSentences[] = {
  {"Tcp", "ActiveOpens", "# active connection openings", true},
  {"Tcp", "PassiveOpens", "# passive connection openings", true},
  {"Tcp", "AttemptFails", "# failed connection attempts", true},
  {"Tcp", "EstabResets", "# connection resets received", true},
  {"Tcp", "CurrEstab", "# connections established", true},
  {"Tcp", "InSegs", "# segments received", true},
  {"Tcp", "OutSegs", "# segments sent out", true},
  {"Tcp", "RetransSegs", "# segments retransmitted", true},
  {"Tcp", "InErrs", "# bad segments received", true},
  {"Tcp", "OutRsts", "# resets sent", true},
  {"Tcp", "RtoAlgorithm", ""}, {"Tcp", "RtoMin", ""}, {"Tcp", "RtoMax", ""}, {"Tcp", "MaxConn", ""},
  {"TcpExt", "SyncookiesSent", "# SYN cookies sent"},
  {"TcpExt", "SyncookiesRecv", "# SYN cookies received"},
  {"TcpExt", "SyncookiesFailed", "# invalid SYN cookies received"},
  {"TcpExt", "EmbryonicRsts", "# resets received for embryonic SYN_RECV sockets"},
  {"TcpExt", "PruneCalled", "# packets pruned from receive queue because of socket buffer overrun"},
  {"TcpExt", "RcvPruned", "# packets pruned from receive queue"},
  {"TcpExt", "OfoPruned", "# packets dropped from out-of-order queue because of socket buffer overrun"},
  {"TcpExt", "OutOfWindowIcmps", "# ICMP packets dropped because they were out-of-window"},
  {"TcpExt", "LockDroppedIcmps", "# ICMP packets dropped because socket was locked"},
  {"TcpExt", "TW", "# TCP sockets finished time wait in fast timer"},
  {"TcpExt", "TWRecycled", "# time wait sockets recycled by time stamp"},
  {"TcpExt", "TWKilled", "# TCP sockets finished time wait in slow timer"},
  {"TcpExt", "PAWSPassive", "# passive connections rejected because of time stamp"},
  {"TcpExt", "PAWSActive", "# active connections rejected because of time stamp"},
  {"TcpExt", "PAWSEstab", "# packets rejected in established connections because of timestamp"},
  {"TcpExt", "DelayedACKs", "# delayed acks sent"},
  {"TcpExt", "DelayedACKLocked", "# delayed acks further delayed because of locked socket"},
  {"TcpExt", "DelayedACKLost", "Quick ack mode was activated # times"},
  {"TcpExt", "ListenOverflows", "# times the listen queue of a socket overflowed"},
  {"TcpExt", "ListenDrops", "# SYNs to LISTEN sockets dropped"},
  {"TcpExt", "TCPPrequeued", "# packets directly queued to recvmsg prequeue"},
  {"TcpExt", "TCPDirectCopyFromBacklog", "# bytes directly in process context from backlog"},
  {"TcpExt", "TCPDirectCopyFromPrequeue", "# bytes directly received in process context from prequeue"},
  {"TcpExt", "TCPPrequeueDropped", "# packets dropped from prequeue"},
  {"TcpExt", "TCPHPHits", "# packet headers predicted", true},
  {"TcpExt", "TCPHPHitsToUser", "# packet headers predicted and directly queued to user"},
  {"TcpExt", "TCPPureAcks", "# acknowledgments not containing data payload received", true},
  {"TcpExt", "TCPHPAcks", "# predicted acknowledgments"},
  {"TcpExt", "TCPRenoRecovery", "# times recovered from packet loss due to fast retransmit"},
  {"TcpExt", "TCPSackRecovery", "# times recovered from packet loss by selective acknowledgements"},
  {"TcpExt", "TCPSACKReneging", "# bad SACK blocks received"},
  {"TcpExt", "TCPFACKReorder", "Detected reordering # times using FACK"},
  {"TcpExt", "TCPSACKReorder", "Detected reordering # times using SACK"},
  {"TcpExt", "TCPTSReorder", "Detected reordering # times using time stamp"},
  {"TcpExt", "TCPRenoReorder", "Detected reordering # times using reno fast retransmit"},
  {"TcpExt", "TCPFullUndo", "# congestion windows fully recovered without slow start"},
  {"TcpExt", "TCPPartialUndo", "# congestion windows partially recovered using Hoe heuristic"},
  {"TcpExt", "TCPDSackUndo", "# congestion window recovered without slow start using DSACK"},
  {"TcpExt", "TCPDSACKUndo", "# congestion windows recovered without slow start by DSACK"},
  {"TcpExt", "TCPLossUndo", "# congestion windows recovered without slow start after partial ack"},
  {"TcpExt", "TCPLoss", "# TCP data loss events"},
  {"TcpExt", "TCPLostRetransmit", "# retransmits lost"},
  {"TcpExt", "TCPRenoFailures", "# timeouts after reno fast retransmit"},
  {"TcpExt", "TCPSackFailures", "# timeouts after SACK recovery"},
  {"TcpExt", "TCPLossFailures", "# timeouts in loss state"},
  {"TcpExt", "TCPFastRetrans", "# fast retransmits"},
  {"TcpExt", "TCPForwardRetrans", "# forward retransmits"},
  {"TcpExt", "TCPSlowStartRetrans", "# retransmits in slow start"},
  {"TcpExt", "TCPTimeouts", "# other TCP timeouts"},
  {"TcpExt", "TCPRenoRecoveryFail", "# reno fast retransmits failed"},
  {"TcpExt", "TCPSackRecoveryFail", "# SACK retransmits failed"},
  {"TcpExt", "TCPSchedulerFailed", "# times receiver scheduled too late for direct processing"},
  {"TcpExt", "TCPRcvCollapsed", "# packets collapsed in receive queue due to low socket buffer"},
  {"TcpExt", "TCPDSACKOldSent", "# DSACKs sent for old packets"},
  {"TcpExt", "TCPDSACKOfoSent", "# DSACKs sent for out of order packets"},
  {"TcpExt", "TCPDSACKRecv", "# DSACKs received"},
  {"TcpExt", "TCPDSACKOfoRecv", "# DSACKs for out of order packets received"},
  {"TcpExt", "TCPAbortOnSyn", "# connections reset due to unexpected SYN"},
  {"TcpExt", "TCPAbortOnData", "# connections reset due to unexpected data"},
  {"TcpExt", "TCPAbortOnClose", "# connections reset due to early user close"},
  {"TcpExt", "TCPAbortOnMemory", "# connections aborted due to memory pressure"},
  {"TcpExt", "TCPAbortOnTimeout", "# connections aborted due to timeout"},
  {"TcpExt", "TCPAbortOnLinger", "# connections aborted after user close in linger timeout"},
  {"TcpExt", "TCPAbortFailed", "# times unable to send RST due to no memory"},
  {"TcpExt", "TCPMemoryPressures", "TCP ran low on memory # times"},
};
// clang-format on

void append_counter(std::string& to, std::string_view section, const std::string& counter,
                    const std::string& value) {
  const auto* found =
      std::find_if(std::begin(kSentences), std::end(kSentences),
                   [&](const Sentence& s) { return s.section == section && s.counter == counter; });
  const bool known = found != std::end(kSentences);
  if (value == "0" && !(known && found->always)) return;
  to += "    ";
  if (!known) {
    to += counter + ": " + value + "\n";
    return;
  }
  if (found->text.empty()) {
    to.resize(to.size() - 4);
    return;
  }
  const std::size_t at = found->text.find('#');
  to += found->text.substr(0, at);
  to += value;
  (to += found->text.substr(at + 1)) += '\n';
}

// A line of names and a line of values, both beginning with "SECTION:".
std::string section_of(const std::string& text, std::string_view section) {
  std::istringstream lines(text);
  std::string names;
  std::string values;
  const std::string prefix = std::string(section) + ":";
  while (std::getline(lines, names) && std::getline(lines, values)) {
    if (!names.starts_with(prefix)) continue;
    std::string out = prefix + "\n";
    std::istringstream a(names.substr(prefix.size()));
    std::istringstream b(values.substr(prefix.size()));
    std::string name;
    std::string value;
    while (a >> name && b >> value) append_counter(out, section, name, value);
    return out;
  }
  return "";
}

std::string file_text(const char* path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

}  // namespace

std::string netstat_statistics(const std::string& snmp, const std::string& netstat) {
  return section_of(snmp, "Tcp") + section_of(netstat, "TcpExt");
}

std::string linux_netstat_statistics() {
  return netstat_statistics(file_text("/proc/net/snmp"), file_text("/proc/net/netstat"));
}

}  // namespace estab::observe
