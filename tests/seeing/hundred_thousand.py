#!/usr/bin/env python3
"""A hundred thousand TCP sockets in six processes (a process has 20,000 descriptors), and how long
ss, netstat and estab take to show them. Not a test of the suite: times are printed with their ratios.

    hundred_thousand.py [CONNECTIONS a pair of processes] [runs]
"""
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

ESTAB = os.environ.get("ESTAB") or os.path.join(
    os.path.dirname(os.path.abspath(__file__)), "..", "..", "build", "bin", "estab")
PAIRS = 3
# Where `ip netns exec` leads no cgroup2 is mounted, which ss -e notes once a socket; outside it -e costs
# ss nothing, and the kernel's dump alone is a quarter of its time.
IN_NAMED = "ip netns exec: "
WANTED = {"ss -tan": 0.5, IN_NAMED + "ss -tane": 0.1, "ss -tanp": 0.05}
LOOKS = ("ss -tan", "ss -tane", IN_NAMED + "ss -tane", "ss -tanp", "ss -tani", "netstat -tan", "netstat -tanp",
         "ss -tan sport = :9001", "ss -tan state time-wait", "ss -s")
NAMED = f"estab-many-{os.getpid()}"


def enter_namespace():
    if os.environ.get("ESTAB_SEEING_INSIDE"):
        return
    if os.geteuid() != 0 or shutil.which("ss") is None:
        print("SKIPPED: needs root and ss")
        sys.exit(77)
    os.environ["ESTAB_SEEING_INSIDE"] = "1"
    os.execvp("unshare", ["unshare", "--net", "--", sys.executable, *sys.argv])


def child(work):
    ready, told = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(ready)
        kept = work()
        os.write(told, b"!")
        while kept:
            signal.pause()
    os.close(told)
    return pid, ready


def pair(number, connections):
    """One process accepts what the other connects, from several addresses."""
    port = 9000 + number
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((f"127.0.0.{number + 1}", port))
    listener.listen(4096)

    def accept():
        return [listener.accept()[0] for _ in range(connections)]

    def connect():
        listener.close()
        made = []
        for i in range(connections):
            sock = socket.socket()
            sock.setsockopt(socket.IPPROTO_IP, 24, 1)  # IP_BIND_ADDRESS_NO_PORT
            sock.bind((f"127.1.{number}.{i % 4 + 1}", 0))
            sock.connect((f"127.0.0.{number + 1}", port))
            made.append(sock)
        return made

    children = [child(accept), child(connect)]
    for _, ready in children:
        os.read(ready, 1)
    listener.close()
    return [pid for pid, _ in children]


def seconds(words, runs, environment):
    best = None
    for _ in range(runs):
        with open("/dev/null", "w", encoding="utf-8") as nowhere:
            begin = time.monotonic()
            subprocess.run(words, stdout=nowhere, stderr=nowhere, env=environment, check=True)
            took = time.monotonic() - begin
        best = took if best is None else min(best, took)
    return best


def side_by_side(words, runs, environment):
    named = words.startswith(IN_NAMED)
    enter = ["ip", "netns", "exec", NAMED] if named else []
    tool, *arguments = words.removeprefix(IN_NAMED).split()
    theirs = seconds([*enter, tool, *arguments], 1 if "p" in arguments[0] or named else runs, environment)
    where = [] if arguments == ["-s"] else ["--source", "linux"]
    ours = seconds([*enter, ESTAB, tool, *arguments, *where], runs, environment)
    print(f"{words:24} {theirs:8.3f} {ours:8.3f} {ours / theirs:8.3f}  {WANTED.get(words, '')}", flush=True)
    return ours / theirs


def main():
    enter_namespace()
    connections = int(sys.argv[1]) if len(sys.argv) > 1 else 17000
    runs = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    connections = min(connections, hard - 100 if hard > 0 else connections)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    pids = []
    missed = False
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "ESTAB_RUNTIME_DIR": folder}
        try:
            for number in range(PAIRS):
                pids += pair(number, connections)
            count = subprocess.run(["ss", "-tanH"], capture_output=True, text=True).stdout.count("\n")
            subprocess.run(["ip", "netns", "attach", NAMED, str(pids[0])], check=True)
            print(f"{count} sockets in {len(pids)} processes; the best of {runs} runs, in seconds")
            print(f"{'':24} {'theirs':>8} {'estab':>8} {'ratio':>8}  wanted")
            for words in LOOKS:
                ratio = side_by_side(words, runs, environment)
                missed = missed or ratio > WANTED.get(words, ratio)
        finally:
            subprocess.run(["ip", "netns", "delete", NAMED], stderr=subprocess.DEVNULL)
            for pid in pids:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
    print("some ratio is missed" if missed else "all ratios are reached")
    sys.exit(1 if missed else 0)


main()
