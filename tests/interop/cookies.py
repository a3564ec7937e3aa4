#!/usr/bin/env python3
"""Linux clients through SYN cookies of ours: what was agreed on survives, and data flows."""
import json
import socket

from bench_of_two import OURS, OURS6, check, run_tests

TIMESTAMPS, SACK, WINDOW_SCALE = 1, 2, 4  # tcpi_options


def connect(host):
    s = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    s.settimeout(10)
    s.connect((host, 7))
    return s


def echo(s, size):
    sent = bytes(i * 7 % 251 for i in range(size))
    s.sendall(sent)
    got = b""
    while len(got) < size:
        piece = s.recv(65536)
        check(piece, "the echo ends early")
        got += piece
    check(got == sent, "what comes back is what was sent")


def agreed(s):
    """tcpi_options, the two window shifts and tcpi_snd_mss of Linux's end."""
    info = s.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
    return info[5], info[6] & 15, info[6] >> 4, int.from_bytes(info[16:20], "little")


def counters(world):
    return json.loads(world.estab("counters", "--json"))


def options_survive(world):
    world.serve("--echo", "--tune", "tcp_syncookies=2")
    before = counters(world)
    for host in (OURS, OURS6):
        for size in (1, 50000):
            s = connect(host)
            options, _, _, mss = agreed(s)
            check(options & 7 == TIMESTAMPS | SACK | WINDOW_SCALE, f"options {options:#x}")
            check(mss > 1200, f"mss {mss}")
            echo(s, size)
            s.close()
    after = counters(world)
    for name in ("TcpExtSyncookiesSent", "TcpExtSyncookiesRecv"):
        check(after[name] - before[name] == 4, f"{name} {before[name]} -> {after[name]}")
    check(after["TcpExtSyncookiesFailed"] == 0, "none failed")


def without_timestamps(world):
    world.sh("echo 0 > /proc/sys/net/ipv4/tcp_timestamps")
    world.serve("--echo", "--tune", "tcp_syncookies=2")
    s = connect(OURS)
    options, ours, theirs, _ = agreed(s)
    check(options & 7 == 0 and ours == 0 and theirs == 0, f"options {options:#x}")
    echo(s, 50000)
    s.close()


def in_many_at_once(world):
    """The queue of one overflows, and everybody gets in."""
    world.serve("--echo", "--tune", "tcp_max_syn_backlog=1")
    sockets = []
    for _ in range(200):
        s = socket.socket()
        s.setblocking(False)
        s.connect_ex((OURS, 7))
        sockets.append(s)
    for s in sockets:
        s.settimeout(10)
        echo(s, 10)
        s.close()


run_tests({"options_survive": options_survive, "without_timestamps": without_timestamps,
           "in_many_at_once": in_many_at_once})
