"""estab as the host: a stack in virtual time, in a process that is driven line by line."""
import subprocess

from cases import OPEN_PORT
from segments import build, parse


class EstabHost:
    def __init__(self, program):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True, bufsize=1)
        self.cases = {}

    def ask(self, line):
        """Does it; gives what came back. Packets among it are heard by their case."""
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        words = []
        while (answer := self.process.stdout.readline()) != ".\n":
            if not answer:
                raise RuntimeError(f"estab's end is gone, after {line[:80]!r}")
            words.append(answer.split())
            if words[-1][0] == "out":
                segment = parse(bytes.fromhex(words.pop()[1]))
                if segment and segment.destination in self.cases:
                    self.cases[segment.destination].hear(segment)
        return words

    def send(self, segment):
        self.ask("in " + build(segment).hex())

    def connect(self, case):
        self.ask(f"connect {case.port}")

    def accept(self, case):
        self.ask(f"accept {case.port}")

    def shutdown(self, case):
        self.ask(f"shutdown {case.port}")

    def close(self, case):
        self.ask(f"close {case.port}")

    def begin(self, cases):
        self.cases = {}
        self.ask(f"new {OPEN_PORT}")
        for number, case in enumerate(cases):
            case.port = 10000 + number
            self.cases[case.port] = case

    def wait(self, case, count):
        """Without a delay it has answered already."""
        for _ in range(100):
            if len(case.heard) >= count:
                return
            self.ask("advance 10")

    def pause(self, seconds):
        self.ask(f"advance {int(seconds * 1000)}")

    def states(self):
        found = {}
        for _, port, state, left in self.ask("states"):  # a SYN's record before the TIME-WAIT behind it
            found.setdefault(int(port), (state, float(left)))
        return found
