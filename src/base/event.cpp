#include "estab/event.h"

#include <array>

namespace estab {
namespace {

constexpr std::array<std::string_view, kEvents> kEventNames{
    "passive OPEN", "active OPEN",  "SEND",           "CLOSE",   "ABORT",
    "rcv SYN",      "rcv SYN,ACK",  "rcv ACK of SYN", "rcv FIN", "rcv ACK of FIN",
    "rcv RST",      "2MSL timeout", "user timeout",
};

struct RuleText {
  Rule rule;
  std::string_view name;
  std::string_view meaning;
};

// clang-format off
constexpr std::array kRules{
  RuleText{Rule::None,                     "",     ""},
  RuleText{Rule::L1_SynRetriesSpent,       "L1",   "the SYN was repeated tcp_syn_retries times without an answer: ETIMEDOUT"},
  RuleText{Rule::L2_SynUnreachable,        "L2",   "an ICMP error quoted our SYN: connect() fails with its errno"},
  RuleText{Rule::L3_SynRefused,            "L3",   "the SYN was answered by RST: ECONNREFUSED"},
  RuleText{Rule::L4_SynAckRetriesSpent,    "L4",   "the SYN,ACK was repeated tcp_synack_retries times: the half-open connection is forgotten"},
  RuleText{Rule::L5_AcceptQueueFull,       "L5",   "the final ACK found the accept queue full: ignored, the SYN,ACK repeats"},
  RuleText{Rule::L6_SynQueueFull,          "L6",   "the SYN found the SYN queue full: answered by a cookie, or dropped"},
  RuleText{Rule::L7_ListenerClosed,        "L7",   "the listener closed: its queued connection is reset"},
  RuleText{Rule::L8_FinWait2Timeout,       "L8",   "nobody owns it and the peer's FIN did not come within tcp_fin_timeout"},
  RuleText{Rule::L9_HalfCloseWaits,        "L9",   "half-closed by shutdown(): the owner reads on, without a limit"},
  RuleText{Rule::L10_FinAgain,             "L10",  "the peer's FIN came again: acknowledged, the 2 MSL start anew"},
  RuleText{Rule::L11_OldSegment,           "L11",  "an old segment came: acknowledged, the 2 MSL run on"},
  RuleText{Rule::L11r_RstIgnored,          "L11r", "a RST came: ignored, so that it can't end TIME-WAIT early"},
  RuleText{Rule::L12_Reopened,             "L12",  "a SYN newer than all that came before reopens the connection"},
  RuleText{Rule::L12b_ReturnedToTimeWait,  "L12b", "the reopening SYN proved old: back to TIME-WAIT"},
  RuleText{Rule::L13_ReusedByConnect,      "L13",  "connect() took the 4-tuple over (tcp_tw_reuse)"},
  RuleText{Rule::L14_TooManyTimeWait,      "L14",  "tcp_max_tw_buckets is reached: closed without TIME-WAIT"},
  RuleText{Rule::L15_Reset,                "L15",  "a RST at exactly RCV.NXT: the connection is reset"},
  RuleText{Rule::L16_Challenge,            "L16",  "a RST, SYN or ACK that a stranger could have guessed: answered by a challenge ACK"},
  RuleText{Rule::L17_Aborted,              "L17",  "aborted, or closed with linger 0: RST, no TIME-WAIT"},
  RuleText{Rule::L18_ClosedWithUnreadData, "L18",  "closed with unread data: RST in place of FIN, the peer learns of the loss"},
  RuleText{Rule::L19_DataAfterClose,       "L19",  "data came after the application closed: RST"},
  RuleText{Rule::L20_TimedOut,             "L20",  "retransmissions, keep-alives or the user timeout spent: ETIMEDOUT or the last soft error"},
  RuleText{Rule::L21_OrphanLimit,          "L21",  "an orphan at the limit of tcp_orphan_retries or tcp_max_orphans: RST"},
  RuleText{Rule::L22_ClosingBounded,       "L22",  "closing took its longest: closed, whatever the peer does"},
  RuleText{Rule::L23_NoConnection,         "L23",  "a segment that belongs to no connection: answered by RST, rate limited"},
};
// clang-format on

constexpr bool in_order_of_rule() {
  for (std::size_t i = 0; i < kRules.size(); ++i) {
    if (kRules[i].rule != static_cast<Rule>(i)) return false;
  }
  return kRules.back().rule == Rule::L23_NoConnection;
}
static_assert(in_order_of_rule());

}  // namespace

std::string_view event_name(Event e) { return kEventNames[static_cast<std::size_t>(e)]; }
std::string_view rule_name(Rule r) { return kRules[static_cast<std::size_t>(r)].name; }
std::string_view rule_meaning(Rule r) { return kRules[static_cast<std::size_t>(r)].meaning; }

}  // namespace estab
