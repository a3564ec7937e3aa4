#include "observe/doctor/alerts.h"

#include <fmt/format.h>

#include <string_view>

namespace estab::observe::doctor {
namespace {

struct Alert {
  std::string_view name;  // CamelCase, as Prometheus's users write them
  std::string_view expression;
  std::string_view lasting;
  std::string_view severity;
  std::string_view id;  // of the finding
  std::string_view summary;
};

// node_exporter needs --collector.tcpstat for the states; the fields of netstat are among its
// defaults or named with --collector.netstat.fields (docs/doctor.md).
constexpr Alert kNode[] = {
    {"TcpCloseWaitGrows",
     "node_tcp_connection_states{state=\"close_wait\"} > 50 and "
     "deriv(node_tcp_connection_states{state=\"close_wait\"}[15m]) > 0",
     "15m", "critical", "close-wait-leak", "An application does not close connections"},
    {"TcpTimeWaitHigh", "node_sockstat_TCP_tw > 20000", "10m", "warning", "time-wait-ports",
     "TIME-WAIT comes near the number of ports, if it stands against one server"},
    {"TcpTimeWaitOverflow", "rate(node_netstat_TcpExt_TCPTimeWaitOverflow[5m]) > 0", "5m",
     "critical", "time-wait-table", "Connections skip TIME-WAIT: tcp_max_tw_buckets is reached"},
    {"TcpSynFlood",
     "rate(node_netstat_TcpExt_SyncookiesSent[5m]) > 10 and "
     "rate(node_netstat_TcpExt_SyncookiesRecv[5m]) < "
     "0.1 * rate(node_netstat_TcpExt_SyncookiesSent[5m])",
     "5m", "warning", "syn-flood", "SYN cookies go out and do not come back: a flood"},
    {"TcpSynReceivedPile",
     "node_tcp_connection_states{state=\"syn_recv\"} > 100 and "
     "rate(node_netstat_TcpExt_SyncookiesSent[5m]) == 0",
     "5m", "warning", "syn-lossy", "Handshakes do not complete"},
    {"TcpAcceptQueueFull", "rate(node_netstat_TcpExt_ListenOverflows[5m]) > 0", "2m", "critical",
     "accept-queue-full", "A server does not accept fast enough: clients hang"},
    {"TcpSynSentPile", "node_tcp_connection_states{state=\"syn_sent\"} > 20", "5m", "warning",
     "syn-sent-no-answer", "Servers do not answer our SYNs"},
    {"TcpFinWait2Pile", "node_tcp_connection_states{state=\"fin_wait2\"} > 500", "15m", "warning",
     "fin-wait-2-orphans", "Peers do not close their side"},
    {"TcpFinUnanswered",
     "node_tcp_connection_states{state=\"fin_wait1\"} + "
     "node_tcp_connection_states{state=\"last_ack\"} + "
     "node_tcp_connection_states{state=\"closing\"} > 100",
     "10m", "warning", "fin-unanswered", "Closed connections are not finished: peers are gone"},
    {"TcpOrphansMany", "node_sockstat_TCP_orphan > 10000", "5m", "critical", "orphans-near-limit",
     "Closed connections come near tcp_max_orphans"},
    {"TcpResetsHigh",
     "rate(node_netstat_Tcp_OutRsts[5m]) > 1 and rate(node_netstat_Tcp_OutRsts[5m]) > "
     "0.1 * (rate(node_netstat_Tcp_ActiveOpens[5m]) + rate(node_netstat_Tcp_PassiveOpens[5m]))",
     "10m", "warning", "reset-unread-data", "Many connections end by RST"},
    {"TcpTimeoutsHigh",
     "rate(node_netstat_TcpExt_TCPTimeouts[5m]) > 0.05 * rate(node_netstat_Tcp_OutSegs[5m])", "10m",
     "warning", "dead-no-answer", "Retransmissions go unanswered: peers are gone"},
    {"DescriptorsRunOut",
     "predict_linear(process_open_fds[15m], 3600) > process_max_fds and "
     "process_open_fds > 0.25 * process_max_fds",
     "5m", "critical", "descriptors-run-out", "A process has no descriptors left within an hour"},
    {"TcpSynCookiesOff", "rate(node_netstat_TcpExt_TCPReqQFullDrop[5m]) > 0", "2m", "critical",
     "settings-syncookies-off", "SYNs are dropped because the queue is full and cookies are off"},
};

constexpr Alert kEstab[] = {
    {"EstabCloseWaitGrows",
     "estab_connections{state=\"close-wait\"} > 5 and "
     "deriv(estab_connections{state=\"close-wait\"}[15m]) > 0",
     "15m", "critical", "close-wait-leak", "An application does not close connections"},
    {"EstabTimeWaitFull", "rate(estab_TcpExtTCPTimeWaitOverflow_total[5m]) > 0", "5m", "critical",
     "time-wait-table", "Connections skip TIME-WAIT: tcp_max_tw_buckets is reached"},
    {"EstabPortsExhausted", "rate(estab_EstabPortsExhausted_total[5m]) > 0", "1m", "critical",
     "time-wait-ports", "connect() finds no free port"},
    {"EstabSynFlood",
     "rate(estab_TcpExtSyncookiesSent_total[5m]) > 10 and "
     "rate(estab_TcpExtSyncookiesRecv_total[5m]) < "
     "0.1 * rate(estab_TcpExtSyncookiesSent_total[5m])",
     "5m", "warning", "syn-flood", "SYN cookies go out and do not come back: a flood"},
    {"EstabAcceptQueueFull", "rate(estab_TcpExtListenOverflows_total[5m]) > 0", "2m", "critical",
     "accept-queue-full", "A server does not accept fast enough: clients hang"},
    {"EstabSynSentPile", "estab_connections{state=\"syn-sent\"} > 20", "5m", "warning",
     "syn-sent-no-answer", "Servers do not answer our SYNs"},
    {"EstabFinWait2Pile", "estab_connections{state=\"fin-wait-2\"} > 500", "15m", "warning",
     "fin-wait-2-orphans", "Peers do not close their side"},
    {"EstabFinUnanswered", "estab_connections{state=~\"fin-wait-1|last-ack|closing\"} > 100", "10m",
     "warning", "fin-unanswered", "Closed connections are not finished: peers are gone"},
    {"EstabResetsHigh",
     "rate(estab_TcpExtTCPAbortOnClose_total[5m]) + rate(estab_TcpExtTCPAbortOnData_total[5m]) > 1",
     "10m", "warning", "reset-unread-data", "Many connections end by RST"},
    {"EstabDeadPeers", "rate(estab_TcpExtTCPAbortOnTimeout_total[5m]) > 0.1", "10m", "warning",
     "dead-no-answer", "Connections end by time-out: peers are gone"},
    {"EstabFinding", "estab_findings > 0", "1m", "warning", "any",
     "estab doctor found something: the label id says what"},
};

std::string rule_of(const Alert& alert) {
  return fmt::format(
      "      - alert: {}\n"
      "        expr: '{}'\n"
      "        for: {}\n"
      "        labels:\n"
      "          severity: {}\n"
      "          finding: {}\n"
      "        annotations:\n"
      "          summary: '{}'\n"
      "          description: '{{{{ $labels.instance }}}}: {{{{ $value }}}}. estab doctor says "
      "which "
      "process, why, and what to do.'\n",
      alert.name, alert.expression, alert.lasting, alert.severity, alert.id, alert.summary);
}

}  // namespace

std::string alert_rules() {
  std::string text =
      "# Alert rules for the troubles that `estab doctor` explains; made by estab doctor "
      "--alerts.\n"
      "groups:\n"
      "  # node_exporter --collector.tcpstat; process_open_fds is what instrumented programs say.\n"
      "  - name: tcp_of_linux\n    rules:\n";
  for (const Alert& alert : kNode) text += rule_of(alert);
  text += "  # estab metrics\n  - name: tcp_of_estab\n    rules:\n";
  for (const Alert& alert : kEstab) text += rule_of(alert);
  return text;
}

}  // namespace estab::observe::doctor
