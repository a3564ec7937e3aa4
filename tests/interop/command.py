#!/usr/bin/env python3
"""The command's manners: help everywhere, one line and exit 2 for wrong arguments, one line and
exit 1 for what can't be done."""
import os
import subprocess
import sys
import tempfile

ESTAB = os.environ.get("ESTAB", "")
VERBS = ["serve", "connect", "ss", "netstat", "summary", "kill", "tuning", "counters", "diagram",
         "ladder", "trace", "doctor"]
WRONG = [
    [], ["fly"], ["--flag"],
    ["ss", "--source", "sun"], ["ss", "--sort", "colour"], ["ss", "--group-by", "colour"], ["ss", "-K"],
    ["kill"], ["kill", "state", "nosuch"], ["kill", "--close", "--source", "linux", "state", "all"],
    ["summary", "--by", "colour"], ["summary", "--count", "2"], ["doctor", "--interval", "soon"], ["doctor", "--net"],
    ["netstat", "--nosuch"], ["netstat", "--source", "sun"],
    ["serve"], ["serve", "--http"], ["serve", "--echo", "0"], ["serve", "--echo=70000"],
    ["serve", "--echo", "--address", "10.0.0.1"], ["serve", "--echo", "--address", "10.0.0.1/33"],
    ["serve", "--echo", "--faults", "loss=half"], ["serve", "--echo", "--tune", "time_wait"],
    ["serve", "--echo", "--tune", "time_wait=-1"], ["serve", "--echo", "--tune", "nosuch=1"],
    ["serve", "--echo", "--close-first", "nobody"], ["serve", "--echo", "--bind", "here"],
    ["serve", "--echo", "--gateway", "there"], ["serve", "--echo", "--mac", "ff:ff:ff:ff:ff:ff"],
    ["serve", "--echo", "--device", "packet:lo"],
    ["connect"], ["connect", "10.0.0.1"], ["connect", "10.0.0.1", "http!"],
    ["connect", "10.0.0.1", "0"], ["connect", "10.0.0.1", "1-2"], ["connect", "-z", "10.0.0.1", "9-2"],
    ["connect", "-l", "10.0.0.1", "80"], ["connect", "10.0.0.1", "80", "-w", "soon"],
    ["tuning", "--source", "linux", "tcp_tw_reuse=1"], ["counters", "--source", "linux", "Nosuch"],
    ["tuning", "nosuch"], ["tuning", "nosuch=1"], ["tuning", "--default", "time_wait=1"],
    ["trace", "--source", "moon"], ["trace", "state", "sleeping"],
    ["trace", "--stacks=deep"], ["tuning", "record_call_site=1"], ["counters", "--list", "Nosuch"], ["diagram", "--format", "png"], ["ladder"],
]
FAILS = [
    ["ss", "--stack", "nobody"], ["tuning", "--stack", "nobody"], ["tuning", "time_wait=1"],
    ["counters"], ["diagram", "--live", "--source", "estab"], ["ladder", "/nonexistent"], ["ladder", "/dev/null"],
    ["serve", "--echo", "--tuning-file", "/nonexistent"],
    ["serve", "--echo", "--device", "pigeon:home", "--address", "10.0.0.1/24"],
    ["serve", "--echo", "--device", "packet:nosuch0", "--address", "10.0.0.1/24"],
]
AS_SS = [  # ss's own exit status
    (["ss", "state", "sleeping"], 255), (["ss", "sport", "=", ":nosuch"], 1), (["ss", "--nosuch"], 255), (["ss", "(dst"], 255),
    (["ss", "-f", "pigeon"], 255), (["ss", "-A", "pigeon"], 255), (["ss", "-N", "nosuchnamespace"], 1),
]
FINE = [
    ["ss"], ["ss", "-s"], ["ss", "-tan", "--json"], ["ss", "-tan", "--group-by", "state,port"], ["netstat", "-an"], ["netstat", "-st"], ["ss", "-tanoipemH"], ["tuning"], ["tuning", "--default"],
    ["tuning", "--json", "net.ipv4.tcp_fin_timeout"], ["counters", "--list"], ["diagram"],
    ["counters", "--source", "linux", "-z"], ["counters", "--source", "linux", "--json", "TcpExt*"],
    ["tuning", "--source", "linux"], ["tuning", "--source", "linux", "--json", "tcp_tw_reuse"],
    ["summary", "--source", "linux"], ["summary", "--by", "process", "--json"],
    ["kill", "--dry-run", "--source", "linux", "state", "last-ack"],
    ["trace", "--stacks", "--source", "linux", "--no-bpf", "--seconds", "0.1"], ["tuning", "record_call_sites"],
    ["diagram", "--rows"], ["diagram", "--live", "--source", "linux"], ["diagram", "--matrix"], ["diagram", "--format", "svg"], ["--version"],
]


def main():
    failures = []
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "ESTAB_RUNTIME_DIR": folder}

        def run(words):
            return subprocess.run([ESTAB, *words], capture_output=True, text=True, timeout=30,
                                  stdin=subprocess.DEVNULL, env=environment)

        def expect(words, code):
            done = run(words)
            if done.returncode != code:
                failures.append(f"{words}: exit {done.returncode}, expected {code}: {done.stderr}")
            if code != 0 and (done.stderr.count("\n") != 1 or not done.stderr.startswith("estab")):
                failures.append(f"{words}: expected one line on stderr, got {done.stderr!r}")
            if code != 0 and done.stdout:
                failures.append(f"{words}: printed {done.stdout!r}")
            return done

        for verb in VERBS:
            text = expect([verb, "--help"], 0).stdout
            if "Examples:" not in text:
                failures.append(f"{verb} --help has no examples")
            long = [line for line in text.splitlines() if len(line) > 100]
            if long:
                failures.append(f"{verb} --help: a line over 100 columns: {long[0]}")
            if f"\n  {verb} " not in run(["--help"]).stdout:
                failures.append(f"estab --help does not list {verb}")
        for words in WRONG:
            expect(words, 2)
        for words, code in AS_SS:
            expect(words, code)
        for words in FAILS:
            expect(words, 1)
        for words in FINE:
            expect(words, 0)
    for failure in failures:
        print("FAILED ", failure)
    print(f"{len(WRONG)} wrong uses, {len(FAILS)} failures, {len(FINE)} that do")
    sys.exit(1 if failures else 0)


main()
