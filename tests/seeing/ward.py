"""The ten pathologies of tests/pathologies on Linux's stack, all at once, in the network namespace that
the caller is in: what people look at when they are paged. Keep the object; close() ends them."""
import os
import signal
import sys
import time

PATHOLOGIES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "pathologies")
sys.path.append(PATHOLOGIES)

import cases  # noqa: E402
from world import World  # noqa: E402

# One of each kind, and those that leave other states behind; (name, what).
PATIENTS = [("close_wait", "unread"), ("time_wait", "one_server"), ("syn_received", "flood"), ("syn_sent", "dropped"),
            ("fin_wait_2", "owned"), ("fin_unanswered", "window"), ("resets", "linger"),
            ("dead_established", "window"), ("exhaustion", "ports"), ("settings", "contradictory")]


class Ward(World):
    def __init__(self):
        super().__init__("linux")
        self.hosts = self.peer.pid
        for name, what in PATIENTS:
            self.admit(next(c for c in cases.CASES if c.sick and (c.name, c.what) == (name, what)))
        time.sleep(0.5)
        self.sh("for server in $(awk '/^nameserver [0-9.]+$/ {print $2}' /etc/resolv.conf); do "
                "ip route add unreachable $server; done")  # else ss -r asks one that never answers
        # Two looks are to see the same: the programs pause, what Linux does for them goes on.
        for one in self.lines:
            os.kill(one.pid, signal.SIGSTOP)

    def admit(self, case):
        """Beside the others: a peer of its own on the same far host, under the same knobs."""
        self.peer = self.line(["nsenter", f"--net=/proc/{self.hosts}/ns/net", sys.executable,
                               os.path.join(PATHOLOGIES, "peers.py")])
        self.start(case.name, "sick", case.what, case.knobs if case.kind != 10 else {}, case.descriptors)
        case.begin(self, case)

    def absent(self):
        """What each must have piled up by now, where ss sees less of it."""
        piles = {"state close-wait sport = :9001": 40, "state time-wait dport = :9002": 900,
                 "state syn-recv sport = :9003": 40, "state syn-sent dport = :9004": 8,
                 "state fin-wait-2 dport = :9005": 6, "state fin-wait-1 dport = :9006": 1,
                 "state listening sport = :9007": 1, "state established sport = :9008": 6,
                 "state established dport = :9009": 300, "state listening sport = :9010": 1}
        seen = {pile: len(self.sh(f"ss -tnH {pile}").splitlines()) for pile in piles}
        return [f"{pile}: {seen[pile]} of {wanted}" for pile, wanted in piles.items() if seen[pile] < wanted]

    def close(self):
        for one in self.lines:
            os.kill(one.pid, signal.SIGCONT)
        self.end()
