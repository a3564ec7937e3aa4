"""The ten pathologies of tests/pathologies on Linux's stack, all at once, in the network namespace that
the caller is in: what people look at when they are paged. Keep the object; close() ends them."""
import os
import signal
import subprocess
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
        self.sh("ip route del default")  # else ss -r asks a name server that never answers
        # Two looks are to see the same: the programs pause, what Linux does for them goes on.
        for one in self.lines:
            os.kill(one.pid, signal.SIGSTOP)

    def admit(self, case):
        """Beside the others: a peer of its own on the same far host, under the same knobs."""
        self.peer = self.line(["nsenter", f"--net=/proc/{self.hosts}/ns/net", sys.executable,
                               os.path.join(PATHOLOGIES, "peers.py")])
        self.start(case.name, "sick", case.what, case.knobs if case.kind != 10 else {}, case.descriptors)
        case.begin(self, case)

    def alive(self):
        """How many of their sockets ss sees, by kind of finding."""
        doctor = [os.environ["ESTAB"], "doctor", "--json", "--source", "linux", "--interval", "0.5", "--old", "1"]
        return subprocess.run(doctor, capture_output=True, text=True, env=self.environment).stdout

    def close(self):
        for one in self.lines:
            os.kill(one.pid, signal.SIGCONT)
        self.end()
