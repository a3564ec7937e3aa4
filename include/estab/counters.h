// Every count that a stack keeps, in one list: Linux's name where Linux has the count (as nstat
// prints it), an Estab name where it does not, and one line of meaning. Gauges are not here: they
// are counted from the tables when asked.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace estab {

// clang-format off
#define ESTAB_COUNTERS(X) \
  /* link */ \
  X(EstabLinkTruncated,            "frames shorter than an Ethernet header") \
  X(EstabLinkUnknownType,          "frames of an EtherType that is neither IP nor ARP") \
  X(EstabLinkNotForUs,             "frames to another station's address") \
  X(EstabLinkSendDropped,          "frames the device could not take") \
  X(EstabArpMalformed,             "ARP packets truncated, or not for Ethernet and IPv4") \
  X(EstabArpIgnored,               "ARP packets that neither ask for nor answer us") \
  X(EstabNeighbourUnresolved,      "packets dropped because their next hop did not answer") \
  X(EstabNeighbourQueueFull,       "packets dropped while a next hop was being resolved") \
  X(EstabNeighbourTableFull,       "neighbours forgotten to stay within the table's bound") \
  /* IP */ \
  X(IpInReceives,                  "IP packets received, both versions") \
  X(IpInDelivers,                  "IP packets handed to TCP or ICMP") \
  X(IpExtInNoECTPkts,              "IP packets received without an ECN mark") \
  X(IpExtInECT1Pkts,               "IP packets received with ECT(1)") \
  X(IpExtInECT0Pkts,               "IP packets received with ECT(0)") \
  X(IpExtInCEPkts,                 "IP packets received whose way was congested (CE, RFC 3168)") \
  X(IpOutRequests,                 "IP packets sent") \
  X(IpOutNoRoutes,                 "IP packets not sent for want of a route") \
  X(EstabIpTruncated,              "IP packets shorter than their header or total length says") \
  X(EstabIpBadVersion,             "IP packets whose version is neither 4 nor 6") \
  X(EstabIpBadHeaderLength,        "IPv4 packets whose header length is impossible") \
  X(EstabIpBadTotalLength,         "IP packets whose total length is less than their header") \
  X(EstabIpBadChecksum,            "IPv4 packets with a wrong header checksum") \
  X(EstabIpBadOption,              "IPv4 packets with an option of illegal length") \
  X(EstabIp6ExtensionLoop,         "IPv6 packets with more extension headers than the bound") \
  X(EstabIp6BadExtension,          "IPv6 packets whose extension headers are truncated or misplaced") \
  X(EstabIp6RoutingHeader,         "IPv6 packets with a routing header that has segments left (RFC 5095)") \
  X(EstabIpMartianSource,          "packets from an address that cannot send (any, multicast, loopback from outside, v4-mapped)") \
  X(EstabIpMartianDestination,     "packets to an address that cannot receive") \
  X(IpInAddrErrors,                "packets for an address that is not ours") \
  X(IpInUnknownProtos,             "packets of an upper protocol we don't speak") \
  X(EstabIpSourceRouted,           "packets refused for their IPv4 source route (accept_source_route = 0)") \
  X(IpReasmReqds,                  "fragments received") \
  X(IpReasmOKs,                    "packets put together from fragments") \
  X(IpReasmFails,                  "reassemblies given up, for any reason below") \
  X(IpReasmTimeout,                "reassemblies that ran out of time") \
  X(EstabReasmOverlap,             "reassemblies dropped because fragments overlapped (RFC 5722)") \
  X(EstabReasmTooLarge,            "fragments beyond 65,535 bytes, or too many pieces") \
  X(EstabReasmMemory,              "fragments dropped to stay within ipfrag_high_thresh or a source's share") \
  /* ICMP */ \
  X(IcmpInMsgs,                    "ICMP messages received, both versions") \
  X(IcmpInErrors,                  "ICMP messages malformed") \
  X(IcmpInCsumErrors,              "ICMP messages with a wrong checksum") \
  X(IcmpInDestUnreachs,            "destination unreachable received") \
  X(IcmpInTimeExcds,               "time exceeded received") \
  X(IcmpInParmProbs,               "parameter problem received") \
  X(IcmpInSrcQuenchs,              "source quench received, and ignored (MUST-55)") \
  X(IcmpInEchos,                   "echo requests received") \
  X(IcmpInEchoReps,                "echo replies received") \
  X(IcmpInPktTooBig,               "fragmentation needed or packet too big received") \
  X(IcmpOutMsgs,                   "ICMP messages sent") \
  X(IcmpOutDestUnreachs,           "destination unreachable sent") \
  X(IcmpOutEchoReps,               "echo replies sent") \
  X(IcmpOutRateLimitHost,          "ICMP answers suppressed by the per-prefix rate limit") \
  X(IcmpOutRateLimitGlobal,        "ICMP answers suppressed by the stack's rate limit") \
  X(EstabIcmpNotAnswered,          "errors not sent because RFC 1122 3.2.2 forbids them") \
  X(TcpExtOutOfWindowIcmps,        "ICMP errors whose quoted sequence number is not in flight (RFC 5927 4)") \
  X(EstabIcmpNoConnection,         "ICMP errors that quote no connection of ours") \
  X(EstabNdpMalformed,             "neighbour discovery messages malformed or with a hop limit other than 255") \
  X(EstabNdpIgnored,               "neighbour discovery messages that are not about us") \
  X(EstabPmtuIgnored,              "too-big messages below min_pmtu or not below what is in use") \
  /* TCP: segments in */ \
  X(TcpInSegs,                     "segments received, bad ones included") \
  X(TcpOutSegs,                    "segments sent, without those that only retransmit") \
  X(TcpRetransSegs,                "segments retransmitted") \
  X(TcpInErrs,                     "segments dropped as malformed, for any reason below") \
  X(TcpInCsumErrors,               "segments with a wrong checksum") \
  X(EstabTcpTruncated,             "segments shorter than 20 bytes or than their data offset") \
  X(EstabTcpBadOffset,             "segments whose data offset is under 5") \
  X(EstabTcpBadOption,             "segments with an option of illegal length (MUST-7)") \
  X(EstabTcpBadPort,               "segments from or to port 0") \
  X(EstabTcpBroadcast,             "segments to a broadcast or multicast address (MUST-57)") \
  X(EstabTcpBadFlags,              "segments whose flags mean nothing in their state (no ACK where one is due)") \
  X(TcpOutRsts,                    "RSTs sent") \
  X(EstabRstLimited,               "RSTs not sent because of the rate limit") \
  X(EstabTcpNoConnection,          "segments that belong to no connection (RFC 9293 3.10.7.1)") \
  /* TCP: opening */ \
  X(TcpActiveOpens,                "CLOSED to SYN-SENT") \
  X(TcpPassiveOpens,               "LISTEN to SYN-RECEIVED") \
  X(TcpAttemptFails,               "SYN-SENT or SYN-RECEIVED to CLOSED or LISTEN") \
  X(TcpExtListenOverflows,         "final ACKs that found the accept queue full") \
  X(TcpExtListenDrops,             "SYNs and final ACKs a listener dropped, for any reason") \
  X(TcpExtTCPReqQFullDrop,         "SYNs dropped because the SYN queue was full") \
  X(TcpExtTCPReqQFullDoCookies,    "SYNs answered by a cookie: the SYN queue was full, or tcp_syncookies is 2") \
  X(TcpExtSyncookiesSent,          "SYN cookies sent") \
  X(TcpExtSyncookiesRecv,          "final ACKs that brought a good SYN cookie back") \
  X(TcpExtSyncookiesFailed,        "ACKs that came while cookies were out, and carried none of ours or an old one") \
  X(EstabSynAckLimited,            "SYNs dropped because their prefix or the stack had too many unanswered SYN,ACKs") \
  X(EstabSynRecvPruned,            "half-open connections given up early to make room in the SYN queue") \
  X(TcpExtTCPSynRetrans,           "SYNs and SYN,ACKs retransmitted") \
  X(TcpExtTCPTimeWaitOverflow,     "TIME-WAIT records not kept because of tcp_max_tw_buckets") \
  X(TcpExtTCPDeferAcceptDrop,      "final ACKs without data that TCP_DEFER_ACCEPT ignored") \
  X(EstabSimultaneousOpens,        "SYN-SENT to SYN-RECEIVED") \
  X(EstabPortsExhausted,           "connects that found no free port (EADDRNOTAVAIL)") \
  X(EstabMemoryRefused,            "connections refused because of the memory limit") \
  X(EstabConnectionTableFull,      "connections refused because of max_connections") \
  /* TCP: sequence and attack checks */ \
  X(TcpExtTCPChallengeACK,         "challenge ACKs sent (RFC 5961)") \
  X(TcpExtTCPSYNChallenge,         "SYNs answered by a challenge ACK") \
  X(TcpExtTCPACKSkippedChallenge,  "challenge ACKs not sent because of the rate limit") \
  X(TcpExtTCPACKSkippedSeq,        "ACKs of unacceptable segments not sent because of the rate limit") \
  X(TcpExtTCPACKSkippedTimeWait,   "ACKs from TIME-WAIT not sent because of the rate limit") \
  X(TcpExtTCPACKSkippedFinWait2,   "ACKs from compact FIN-WAIT-2 not sent because of the rate limit") \
  X(TcpExtTCPACKSkippedSynRecv,    "SYN,ACKs for repeated SYNs not sent because of the rate limit") \
  X(TcpExtPAWSEstab,               "segments dropped by PAWS in a synchronized state") \
  X(EstabTimestampMissing,         "segments dropped because an agreed timestamp option is missing (RFC 7323 3.2)") \
  X(TcpExtPAWSActive,              "SYN,ACKs whose timestamp echo is not ours") \
  X(EstabSeqOutOfWindow,           "segments outside the receive window") \
  X(EstabAckOutOfRange,            "segments whose ACK is outside RFC 5961 5's range, or acks what was never sent") \
  X(EstabRstIgnored,               "RSTs outside the window, or without the ACK a SYN-SENT wants") \
  X(EstabUrgentIgnored,            "urgent pointers that point nowhere") \
  /* TCP: data */ \
  X(TcpExtDelayedACKs,             "delayed ACKs sent") \
  X(TcpExtDelayedACKLost,          "duplicate segments that made us acknowledge at once") \
  X(TcpExtTCPPureAcks,             "segments received with nothing but an ACK") \
  X(TcpExtTCPOFOQueue,             "segments queued out of order") \
  X(TcpExtTCPOFODrop,              "out-of-order segments dropped at the bound of pieces or bytes") \
  X(TcpExtTCPOFOMerge,             "out-of-order segments that overlapped what was queued") \
  X(TcpExtOfoPruned,               "out-of-order queues dropped because tcp_mem was used up") \
  X(TcpExtTCPRcvQDrop,             "segments dropped because the receive buffer was full") \
  X(TcpExtTCPZeroWindowDrop,       "segments dropped because the window was zero") \
  X(TcpExtTCPToZeroWindowAdv,      "times the window we offer closed") \
  X(TcpExtTCPFromZeroWindowAdv,    "times the window we offer opened again") \
  X(TcpExtTCPWantZeroWindowAdv,    "times we could have shrunk the window to zero, and did not") \
  X(TcpExtTCPWinProbe,             "zero-window probes sent") \
  X(TcpExtTCPKeepAlive,            "keep-alive probes sent") \
  X(TcpExtTCPDSACKOldSent,         "D-SACKs sent for old data") \
  X(TcpExtTCPDSACKOfoSent,         "D-SACKs sent for out-of-order data") \
  X(TcpExtTCPDSACKRecv,            "D-SACKs received") \
  X(TcpExtTCPDSACKOfoRecv,         "D-SACKs received for out-of-order data") \
  X(TcpExtTCPDSACKRecvSegs,        "segments that D-SACKs reported") \
  X(TcpExtTCPDSACKIgnoredDubious,  "D-SACKs for more than was ever retransmitted") \
  X(TcpExtTCPDelivered,            "segments that the peer acknowledged or SACKed") \
  X(TcpExtTCPDeliveredCE,          "of them, in ACKs that echoed congestion (ECE)") \
  X(TcpExtTCPSackRecovery,         "fast recoveries entered by SACK") \
  X(TcpExtTCPRenoRecovery,         "fast recoveries entered by duplicate ACKs") \
  X(TcpExtTCPFastRetrans,          "segments retransmitted in fast recovery") \
  X(TcpExtTCPLossProbes,           "tail loss probes sent (RFC 8985 7)") \
  X(TcpExtTCPLossProbeRecovery,    "losses that a tail loss probe repaired") \
  X(TcpExtTCPTimeouts,             "retransmission timeouts") \
  X(TcpExtTCPLostRetransmit,       "segments lost again after they were retransmitted") \
  X(TcpExtTCPRenoReorder,          "times reordering was seen by duplicate ACKs") \
  X(TcpExtTCPSACKReorder,          "times reordering was seen by SACK") \
  X(TcpExtTCPTSReorder,            "times reordering was seen by timestamps: a retransmission was needless") \
  X(TcpExtTCPFullUndo,             "reductions of the congestion window undone when a recovery ended (RFC 4015)") \
  X(TcpExtTCPPartialUndo,          "the same within a recovery") \
  X(TcpExtTCPDSACKUndo,            "the same because D-SACKs reported every retransmission (RFC 3708)") \
  X(TcpExtTCPLossUndo,             "the same after a timeout") \
  X(TcpExtTCPSpuriousRTOs,         "timeouts that F-RTO found needless (RFC 5682)") \
  X(TcpExtTCPSackRecoveryFail,     "timeouts in a fast recovery by SACK") \
  X(TcpExtTCPRenoRecoveryFail,     "timeouts in a fast recovery by duplicate ACKs") \
  X(TcpExtTCPSackFailures,         "timeouts while SACKs told of a gap") \
  X(TcpExtTCPRenoFailures,         "timeouts while duplicate ACKs told of a gap") \
  X(TcpExtTCPLossFailures,         "timeouts while the losses of an earlier one were being repaired") \
  X(TcpExtTCPHystartDelayDetect,   "slow starts that ended because round trips grew (HyStart++)") \
  X(TcpExtTCPHystartDelayCwnd,     "congestion windows at that moment, summed up") \
  X(TcpExtTCPSlowStartRetrans,     "segments retransmitted in slow start after a timeout") \
  X(TcpExtTCPSACKDiscard,          "SACK blocks that say nonsense") \
  X(TcpExtTCPSackReneging,         "times the peer took a SACK back") \
  X(EstabSackScoreboardFull,       "SACK blocks not recorded at the scoreboard's bound") \
  X(TcpExtTCPMTUPFail,             "path MTU probes and black holes that failed") \
  X(TcpExtTCPMTUPSuccess,          "path MTU probes that succeeded") \
  X(EstabBlackHole,                "connections whose MSS was lowered because full segments vanished") \
  X(TcpExtTCPRcvCoalesce,          "small segments merged in the receive queue") \
  /* TCP: closing */ \
  X(TcpEstabResets,                "ESTABLISHED or CLOSE-WAIT to CLOSED by reset or abort") \
  X(TcpExtTW,                      "TIME-WAIT records that ended by their timer") \
  X(TcpExtTWRecycled,              "TIME-WAIT records reused by connect() (tcp_tw_reuse)") \
  X(EstabTimeWaitReopened,         "TIME-WAIT records reopened by a rightful SYN (RFC 6191, MAY-2)") \
  X(EstabTimeWaitReturned,         "reopened records that went back to TIME-WAIT: the SYN was old (RFC 1122 4.2.2.13)") \
  X(EstabTimeWaitRstIgnored,       "RSTs ignored in TIME-WAIT (RFC 1337)") \
  X(EstabTimeWaitFinAgain,         "FINs repeated in TIME-WAIT, acknowledged") \
  X(EstabTimeWaitSynOld,           "SYNs in TIME-WAIT that were old or found no listener") \
  X(TcpExtTCPAbortOnData,          "connections reset because data came after close(), or linger 0") \
  X(TcpExtTCPAbortOnClose,         "connections reset because close() left unread data") \
  X(TcpExtTCPAbortOnMemory,        "connections reset for lack of memory or because of tcp_max_orphans") \
  X(TcpExtTCPAbortOnTimeout,       "connections reset by a timeout (retries, keep-alive, user timeout)") \
  X(TcpExtTCPAbortOnLinger,        "orphans in FIN-WAIT-2 reset because their linger time was negative or over") \
  X(TcpExtTCPAbortFailed,          "aborts that could not send their RST") \
  X(EstabFinWait2Timeout,          "orphans in FIN-WAIT-2 ended by tcp_fin_timeout") \
  X(EstabOrphanTimeout,            "orphans ended by tcp_orphan_retries or their bound") \
  X(EstabEventsLost,               "lifecycle events overwritten before anyone asked")
// clang-format on

enum class Counter : std::uint16_t {
#define ESTAB_X(name, meaning) name,
  ESTAB_COUNTERS(ESTAB_X)
#undef ESTAB_X
      kCount
};
inline constexpr std::size_t kCounters = static_cast<std::size_t>(Counter::kCount);

// A stack's counts. Owned by the stack, written by its thread alone.
class Counters {
 public:
  void add(Counter c, std::uint64_t n = 1) { values_[static_cast<std::size_t>(c)] += n; }
  std::uint64_t operator[](Counter c) const { return values_[static_cast<std::size_t>(c)]; }

 private:
  std::array<std::uint64_t, kCounters> values_{};
};

std::string_view counter_name(Counter c);
std::string_view counter_meaning(Counter c);
std::optional<Counter> counter_by_name(std::string_view name);

}  // namespace estab
