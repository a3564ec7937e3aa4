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
WANTED = {"ss -tan": 0.5, "ss -tane": 0.1, "ss -tanp": 0.05}


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
            print(f"{count} sockets in {len(pids)} processes; the best of {runs} runs, in seconds")
            print(f"{'':16} {'theirs':>8} {'estab':>8} {'ratio':>8}  wanted")
            for words in ("ss -tan", "ss -tane", "ss -tanp", "ss -tani", "netstat -tan", "netstat -tanp",
                          "ss -tan sport = :9001", "ss -tan state time-wait", "ss -s"):
                tool, *arguments = words.split()
                theirs = seconds([tool, *arguments], 1 if "p" in words else runs, environment)
                where = [] if words == "ss -s" else ["--source", "linux"]
                ours = seconds([ESTAB, tool, *arguments, *where], runs, environment)
                ratio = ours / theirs
                wanted = WANTED.get(words)
                missed = missed or (wanted is not None and ratio > wanted)
                print(f"{words:16} {theirs:8.3f} {ours:8.3f} {ratio:8.3f}  {wanted or ''}", flush=True)
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
    print("some ratio is missed" if missed else "all ratios are reached")
    sys.exit(1 if missed else 0)


main()
