#!/usr/bin/env python3
"""The alert rules are what promtool takes for rules, and fire on what they are made for."""
import os
import shutil
import subprocess
import sys
import tempfile

from world import ESTAB

# (alert, series that fires it)
FIRES = [
    ("TcpAcceptQueueFull", "node_netstat_TcpExt_ListenOverflows", "0+30x20"),
    ("TcpCloseWaitGrows", "node_tcp_connection_states{state=\"close_wait\"}", "60+10x40"),
    ("TcpTimeWaitHigh", "node_sockstat_TCP_tw", "27000x40"),
    ("EstabAcceptQueueFull", "estab_TcpExtListenOverflows_total", "0+30x20"),
    ("EstabCloseWaitGrows", "estab_connections{state=\"close-wait\"}", "10+1x40"),
]
QUIET = [
    ("TcpCloseWaitGrows", "node_tcp_connection_states{state=\"close_wait\"}", "60x40"),
    ("TcpAcceptQueueFull", "node_netstat_TcpExt_ListenOverflows", "30x20"),
]
TEST = """
  - interval: 1m
    input_series:
      - series: '{series}'
        values: '{values}'
    promql_expr_test:
      - expr: count(ALERTS{{alertname="{alert}",alertstate="firing"}}) or vector(0)
        eval_time: {minutes}m
        exp_samples:
          - value: {fires}
"""


def main():
    if shutil.which("promtool") is None:
        print("SKIPPED: no promtool (package prometheus)")
        sys.exit(77)
    with tempfile.TemporaryDirectory() as folder:
        rules = os.path.join(folder, "rules.yml")
        made = subprocess.run([ESTAB, "doctor", "--alerts", rules], capture_output=True, text=True)
        printed = subprocess.run([ESTAB, "doctor", "--alerts", "-"], capture_output=True, text=True)
        if made.returncode or made.stdout or open(rules).read() != printed.stdout:
            sys.exit(f"estab doctor --alerts: {made}")
        test = "rule_files: [rules.yml]\nevaluation_interval: 1m\ntests:\n"
        for cases, fires in ((FIRES, 1), (QUIET, 0)):
            for alert, series, values in cases:
                minutes = 38 if values.endswith("40") else 15
                test += TEST.format(alert=alert, series=series, values=values, minutes=minutes,
                                    fires=fires)
        with open(os.path.join(folder, "test.yml"), "w") as file:
            file.write(test)
        for words in (["check", "rules", rules], ["test", "rules", "test.yml"]):
            done = subprocess.run(["promtool", *words], capture_output=True, text=True, cwd=folder)
            print(done.stdout.strip())
            if done.returncode != 0:
                sys.exit(done.stderr)


main()
