#!/usr/bin/env python3
"""`estab trace --stacks`: below each move that a call made, the functions that called it and those that
made the connection, of a program with frame pointers (callers.cpp): Linux's sockets by BPF, ours by the
calls that the stack records. What cannot be named is said, in a line."""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

ESTAB = os.environ.get("ESTAB", "")
SKIP = 77
PORT = 7711


class Callers:
    """The program, at its first line of output; say() lets it go on."""

    def __init__(self, system, path=None, **environment):
        self.child = subprocess.Popen([path or os.path.join(os.path.dirname(ESTAB), f"callers_{system}")],
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                      env={**os.environ, **environment})
        assert self.child.stdout.readline() == "ready\n"

    def run(self):
        self.child.stdin.write("\n")
        self.child.stdin.flush()
        assert self.child.stdout.readline() == "done\n"

    def end(self):
        self.child.stdin.close()
        self.child.wait(20)


def traced(callers, source, *words):
    """What it shows and says of the program's calls."""
    out = tempfile.TemporaryFile("w+")
    trace = subprocess.Popen([ESTAB, "trace", "--source", source, "--stacks", "--seconds", "4", *words],
                             stdout=out, stderr=subprocess.PIPE, text=True)
    time.sleep(2)
    callers.run()
    said = trace.communicate(timeout=60)[1]
    callers.end()
    out.seek(0)
    return out.read(), said


def by_move(shown, own):
    """(called by, made by) of each move of the first connection, the callers' side or the other."""
    rows = [json.loads(line) for line in shown.splitlines()]
    rows = [e for e in rows if (e["peer_port"] if own else e["local_port"]) == PORT and e["kind"] == "transition"]
    first = next(e["id"] for e in rows if e["peer_port"])
    return {(e["old"], e["new"]): (e.get("called_by"), e.get("made_by")) for e in rows if e["id"] == first}


def names(functions):
    return [f.split("(")[0].replace("callers::", "").split()[0] for f in functions or []]


def check_moves(shown):
    client, server = by_move(shown, True), by_move(shown, False)
    called, made = client["CLOSED", "SYN-SENT"]
    assert names(called) == ["open_it", "run", "main"], called
    assert all(" callers.cpp:" in line for line in called), called
    assert made == [], made
    called, made = client["ESTABLISHED", "FIN-WAIT-1"]
    assert names(called) == ["shut_it", "run", "main"], called
    assert names(made) == ["open_it", "run", "main"], made
    called, made = server["CLOSE-WAIT", "LAST-ACK"]
    assert names(called) == ["answer_and_close", "run", "main"], called
    assert names(made) == ["take_it", "run", "main"], made
    # Packets made these, whoever ran when they came.
    for moves, move in ((client, ("SYN-SENT", "ESTABLISHED")), (server, ("ESTABLISHED", "CLOSE-WAIT")),
                        (server, ("LAST-ACK", "CLOSED")), (client, ("FIN-WAIT-2", "TIME-WAIT"))):
        assert moves[move] == (None, None), (move, moves[move])
    dropped = [json.loads(line) for line in shown.splitlines()]
    dropped = [e for e in dropped if e["local_port"] == PORT and (e["old"], e["new"]) == ("ESTABLISHED", "CLOSED")]
    assert len(dropped) == 1 and names(dropped[0]["called_by"])[0] == "drop_it", dropped
    assert names(dropped[0]["made_by"])[0] == "take_it", dropped


def linux():
    shown, said = traced(Callers("linux"), "linux", "--json")
    check_moves(shown)
    assert "names" not in said, said


def linux_as_text():
    shown, _ = traced(Callers("linux"), "linux")
    lines = shown.splitlines()
    at = next(i for i, line in enumerate(lines) if "CLOSE-WAIT -> LAST-ACK" in line)
    words = [line.split() for line in lines[at + 1:at + 7]]
    assert words[0][:2] == ["by", "callers::answer_and_close(int)"], words
    assert words[3][:3] == ["made", "by", "callers::take_it(int)"], words


def stripped():
    """Addresses in place of names, and a line that says why."""
    with tempfile.TemporaryDirectory() as folder:
        path = shutil.copy(os.path.join(os.path.dirname(ESTAB), "callers_linux"), folder)
        subprocess.run(["strip", path], check=True)
        shown, said = traced(Callers("linux", path), "linux", "--json")
    called, _ = by_move(shown, True)["CLOSED", "SYN-SENT"]
    assert called and called[0].startswith("0x") and "(callers_linux)" in called[0], called
    assert "has no symbol for an address: stripped?" in said, said


def without_bpf():
    _, said = traced(Callers("linux"), "linux", "--no-bpf")
    assert "--stacks: without BPF no call on Linux's sockets is seen" in said, said


def recorded_by_a_stack():
    shown, said = traced(Callers("estab", OPTIONS="record_call_sites=1"), "estab", "--json")
    check_moves(shown)
    assert "records no calls" not in said, said


def a_stack_that_records_nothing_says_how():
    callers = Callers("estab")
    shown, said = traced(callers, "estab", "--json")
    assert "called_by" not in shown, shown
    assert f"estab tuning --stack {callers.child.pid} record_call_sites=1" in said, said


LINUX = [linux, linux_as_text, stripped, without_bpf]
STACKS = [recorded_by_a_stack, a_stack_that_records_nothing_says_how]


def inside(wanted):
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    probe = subprocess.run([ESTAB, "trace", "--source", "linux", "--seconds", "0.1"], capture_output=True, text=True)
    bpf = "again and again" not in probe.stderr
    if not bpf:
        print("without BPF, Linux's calls are left out: " + probe.stderr.splitlines()[0])
    failures = 0
    for check in (LINUX if bpf else []) + STACKS:
        if wanted and check.__name__ not in wanted:
            continue
        print(check.__name__, flush=True)
        try:
            check()
        except (AssertionError, StopIteration, KeyError) as error:
            failures += 1
            print(f"  FAILED: {error!r}")
    return 1 if failures else 0


def main():
    if "--inside" in sys.argv:
        with tempfile.TemporaryDirectory() as folder:
            os.environ["ESTAB_RUNTIME_DIR"] = folder
            return inside([name for name in sys.argv[1:] if name != "--inside"])
    if os.geteuid() != 0 or subprocess.run(["unshare", "-n", "true"], capture_output=True).returncode:
        print("skipped: needs root and network namespaces")
        return SKIP
    return subprocess.run(["unshare", "-n", sys.executable, __file__, "--inside", *sys.argv[1:]]).returncode


if __name__ == "__main__":
    sys.exit(main())
