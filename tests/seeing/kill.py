#!/usr/bin/env python3
"""estab kill on Linux's sockets and on our stack's: what it refuses, what it shows, whom it asks,
and that what it ended is gone on both ends."""
import errno
import os
import pty
import socket
import subprocess
import time

import looks
from looks import ESTAB, FOLDER, Sockets, check, inside, linux, run

NOBODY = 65534


def states(*filter_words):
    code, out, err = linux("ss", "-tanH", *filter_words)
    check(code == 0, err)
    return sorted(line.split()[0] for line in out.splitlines())


def refuses():
    sockets = Sockets()
    before = states("state", "all")
    for words, code, said in (
            ((), 2, "a filter"), (("state", "nosuch"), 2, "nosuch"), (("dst",), 2, ""), (("--close", "state", "all"), 2, "abort"),
            (("state", "close-wait"), 1, "--yes")):
        status, _, err = linux("kill", *words)
        check(status == code and said in err, f"{words}: exit {status}, {err}")
    status, out, _ = linux("kill", "--dry-run", "state", "close-wait")
    check(status == 0 and f"pid={os.getpid()}" in out and "1 would be aborted" in out, out)
    status, out, _ = linux("kill", "--yes", "sport = :4711")
    check(status == 0 and "no connection matches" in out, out)
    check(states("state", "all") == before, "something was ended all the same")
    sockets.close()


def asks():
    """At a terminal: n leaves it, y ends it."""
    sockets = Sockets()
    for answer, left in (("n", 1), ("y", 0)):
        ours, theirs = pty.openpty()
        child = subprocess.Popen([ESTAB, "kill", "--source", "linux", "state", "close-wait"], stdin=theirs,
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env={**os.environ, "ESTAB_RUNTIME_DIR": FOLDER})
        os.write(ours, answer.encode() + b"\n")
        out = child.communicate(timeout=30)[0]
        os.close(ours)
        os.close(theirs)
        check(child.returncode in (0, 1) and "[y/N]" in out, out)
        check(("ended 1" in out) == (left == 0) and len(states("state", "close-wait")) == left, f"{answer}: {out}")
    sockets.close()


def ends_on_both_ends():
    sockets = Sockets()
    port = sockets.client.getsockname()[1]
    code, out, err = linux("kill", "--yes", "state", "established", "sport", "=", f":{port}")
    check(code == 0 and "ended 1" in out, out + err)
    time.sleep(0.05)
    check(not states("state", "all", "sport", "=", f":{port}", "or", "dport", "=", f":{port}"), "an end is left")
    for end, error in ((sockets.client, errno.ECONNABORTED), (sockets.server, errno.ECONNRESET)):
        try:
            end.recv(1)
            check(False, "recv() did not fail")
        except OSError as problem:
            check(problem.errno == error, problem)
    for state in ("close-wait", "time-wait", "fin-wait-2"):
        before = states("state", state)
        code, out, err = linux("kill", "--yes", "state", state)
        if state == "fin-wait-2":  # its other end was reset, and took it along
            check(not before and "no connection matches" in out, out)
            continue
        check(before and code == 0 and f"ended {len(before)}" in out and not states("state", state), out + err)
        check((state == "close-wait") == ("CLOSE-WAIT are among them" in out), out)
    code, out, _ = linux("kill", "--yes", "state", "listening", "sport", "=", f":{looks.PORT}")
    check(code == 0 and "accept()" in out and not states("state", "listening"), out)
    try:
        sockets.listener.accept()
        check(False, "accept() did not fail")
    except OSError as problem:
        check(problem.errno == errno.EINVAL, problem)
    sockets.close()


def not_root():
    sockets = Sockets()
    code, out, err = linux("kill", "--yes", "state", "close-wait", user=NOBODY)
    check(code == 1 and "CAP_NET_ADMIN" in err and states("state", "close-wait"), out + err)
    code, out, err = linux("ss", "-K", "--yes", "state", "close-wait", user=NOBODY)
    check(code == 1 and "CAP_NET_ADMIN" in err and states("state", "close-wait"), out + err)
    sockets.close()


def on_our_stack():
    check(subprocess.run("ip tuntap add dev kill0 mode tun && ip link set kill0 up && "
                         "ip addr add 10.77.0.1/24 dev kill0", shell=True).returncode == 0, "no TUN device")
    child = subprocess.Popen([ESTAB, "serve", "--echo", "--device", "tun:kill0", "--address", "10.77.0.2/24"],
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                             env={**os.environ, "ESTAB_RUNTIME_DIR": FOLDER})
    try:
        time.sleep(0.3)

        def ours(*words):
            return run(*words, "--source", "estab")

        def count(state):
            return len(ours("ss", "-tanH", "state", state)[1].splitlines())

        for close, expected in ((True, b""), (False, None)):
            client = socket.create_connection(("10.77.0.2", 7), timeout=10)
            client.sendall(b"hello")
            check(client.recv(5) == b"hello" and count("established") == 1, "no echo")
            code, out, _ = ours("kill", "state", "established")
            check(code == 1 and count("established") == 1, f"not asked: {out}")
            code, out, err = ours("kill", "--yes", *(["--close"] if close else []), "state", "established")
            check(code == 0 and "ended 1" in out and count("established") == 0, out + err)
            try:
                check(client.recv(1) == expected, "no FIN reached the client")
            except ConnectionResetError:
                check(not close, "--close sent a RST")
            client.close()
        code, out, _ = ours("kill", "--yes", "sport = :4711")
        check(code == 0 and "no connection matches" in out, out)
    finally:
        child.terminate()
        child.wait()


inside([refuses, asks, ends_on_both_ends, not_root, on_our_stack], "--net")
