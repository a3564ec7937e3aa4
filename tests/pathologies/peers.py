#!/usr/bin/env python3
"""The other host of a pathology: a process in a network namespace of its own, on Linux's sockets. It
does what it reads from standard input, a line each, answers each line with a line, and ends with its
input."""
import os
import random
import select
import socket
import struct
import subprocess
import sys
import time

SUBJECT, HERE = "10.88.0.2", "10.88.0.1"
MORE = [f"10.88.0.{n}" for n in range(11, 20)]


def sh(line):
    done = subprocess.run(line, shell=True, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"peer: {line}: {done.stderr.strip()}")


def up():
    sh("ip link set lo up && ip link set link1 up")
    for address in [HERE, *MORE]:
        sh(f"ip addr add {address}/24 dev link1")


def drop(what):
    """From now on this host does not hear `what` (nft's words)."""
    sh("nft 'add table ip fault; add chain ip fault in { type filter hook input priority 0; }; "
       f"add rule ip fault in {what} drop'")


def undrop():
    sh("nft delete table ip fault")


def lose_first_syns(port):
    sh("nft 'add table ip fault; add set ip fault seen { type inet_service; flags dynamic,timeout; "
       "timeout 60s; size 65535; }; add chain ip fault in { type filter hook input priority 0; }; "
       f"add rule ip fault in tcp dport {port} tcp flags & (syn|ack) == syn "
       "tcp sport != @seen add @seen { tcp sport } drop'")


def listen(port, receive_buffer=None):
    server = socket.socket()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if receive_buffer:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    server.bind(("0.0.0.0", port))
    server.listen(1024)
    server.setblocking(False)
    return server


def call(port, source=None, wait=True, receive_buffer=None):
    s = socket.socket()
    if receive_buffer:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    if source:
        s.bind((source, 0))
    s.settimeout(5)
    if not wait:
        s.setblocking(False)
    s.connect_ex((SUBJECT, port))
    s.setblocking(False)
    return s


def read_all(s):
    """What is there; None at the end or when it broke."""
    got = b""
    while True:
        try:
            piece = s.recv(65536)
        except BlockingIOError:
            return got
        except OSError:
            return None
        if not piece:
            return None
        got += piece


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def forged_syn(source, port):
    src, dst = socket.inet_aton(source), socket.inet_aton(SUBJECT)
    tcp = struct.pack("!HHIIBBHHH", random.randint(1024, 65535), port, random.getrandbits(32), 0,
                      0x50, 2, 64240, 0, 0)
    check = checksum(src + dst + struct.pack("!BBH", 0, 6, len(tcp)) + tcp)
    tcp = tcp[:16] + struct.pack("!H", check) + tcp[18:]
    return struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), 0, 0, 64, 6, 0, src, dst) + tcp


class Peer:
    """Each method is one pathology's part, said once ("NAME WORDS"); step() goes on with it."""

    def __init__(self):
        self.sockets, self.servers, self.accepted = [], [], []
        self.steps = []  # called every 50 ms

    def accept_all(self, server):
        fresh = []
        while True:
            try:
                fresh.append(server.accept()[0])
            except BlockingIOError:
                break
        for s in fresh:
            s.setblocking(False)
        self.accepted += fresh
        return fresh

    def step(self):
        for one in self.steps:
            one()

    def close_wait(self, what):
        def client():
            s = call(9001)
            try:
                s.send(b"hello")
            except OSError:  # the subject has ended
                return
            if what == "answering":
                s.shutdown(socket.SHUT_WR)
                self.sockets.append(s)
            else:
                s.close()
        for _ in range(40 if what != "answering" else 10):
            client()
        self.steps.append((lambda: [read_all(s) for s in self.sockets]) if what == "answering"
                          else client)

    def time_wait(self, _):
        server = listen(9002)

        def serve():
            self.accept_all(server)
            gone = [s for s in self.accepted if read_all(s) is None]
            for s in gone:
                s.close()
            self.accepted = [s for s in self.accepted if s not in gone]
        self.steps.append(serve)

    def syn_received(self, what):
        if what == "flood":
            raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)

            def flood():
                for _ in range(20):
                    source = f"{random.randint(20, 99)}.{random.randint(0, 255)}." \
                             f"{random.randint(0, 255)}.{random.randint(1, 254)}"
                    raw.sendto(forged_syn(source, 9003), (SUBJECT, 0))
            for _ in range(10):
                flood()
            self.steps.append(flood)
        elif what == "lossy":
            drop("tcp sport 9003")
            self.sockets = [call(9003, MORE[i % 3], wait=False) for i in range(15)]
        elif what == "overflow":
            self.sockets = [call(9003, wait=False) for _ in range(40)]
        elif what == "burst":
            def burst():
                fresh = [call(9003, wait=False) for _ in range(40)]
                for s in self.sockets:
                    s.close()
                self.sockets = fresh
            self.steps.append(burst)
        elif what == "trickle":
            self.steps.append(lambda: self.sockets.append(call(9003, wait=False)))

    def syn_sent(self, what):
        if what == "dropped":
            drop("tcp dport 9004")
        elif what == "first_lost":
            self.servers.append(listen(9004))
            lose_first_syns(9004)

    def fin_wait_2(self, what):
        server = listen(9005)

        def serve():
            for s in self.accept_all(server):
                self.sockets.append((s, time.monotonic()))
            if what == "answers":
                for s, _ in self.sockets:
                    s.send(b"a piece of the answer\n")
            if what == "late":
                late = [s for s, at in self.sockets if time.monotonic() > at + 0.3]
                for s in late:
                    s.close()
                self.sockets = [(s, at) for s, at in self.sockets if s not in late]
        self.steps.append(serve)

    def fin_unanswered(self, what):
        server = listen(9006, 4096 if what in ("window", "slow") else None)

        def serve():
            for s in self.accept_all(server):
                if what == "last_ack":
                    s.shutdown(socket.SHUT_WR)
            if what == "slow":
                for s in self.accepted:
                    try:
                        s.recv(1500)
                    except OSError:
                        pass
        self.steps.append(serve)

    def resets(self, _):
        def client():
            s = call(9007)
            try:
                s.send(b"something")
            except OSError:
                pass
            self.sockets.append(s)
            self.sockets = [s for s in self.sockets if read_all(s) is not None]
        self.steps.append(client)

    def dead_established(self, what):
        small = 4096 if what in ("window", "pauses") else None
        self.sockets = [call(9008, receive_buffer=small) for _ in range(6)]
        count = [0]

        def step():
            count[0] += 1
            if what == "pauses" and count[0] % 20 < 8:
                return
            if what != "window":
                for s in self.sockets:
                    read_all(s)
            if what == "lossy" and count[0] % 20 == 0:
                drop(f"ip saddr {SUBJECT}")
            if what == "lossy" and count[0] % 20 == 5:
                subprocess.run(["nft", "delete", "table", "ip", "fault"], capture_output=True)
        self.steps.append(step)

    def exhaustion(self, _):
        server = listen(9009)

        def serve():
            self.accept_all(server)
            asked = [s for s in self.accepted if read_all(s) != b""]
            for s in asked:
                s.close()
            self.accepted = [s for s in self.accepted if s not in asked]
        self.steps.append(serve)


def main():
    peer = Peer()
    due = time.monotonic()
    while True:
        wait = max(0.0, due - time.monotonic())
        if select.select([0], [], [], wait)[0]:
            line = b""
            while not line.endswith(b"\n"):
                byte = os.read(0, 1)
                if not byte:
                    return
                line += byte
            name, *words = line.decode().split(" ", 1)
            word = words[0].strip() if words else ""
            name = name.strip()
            if name in ("up", "undrop"):
                globals()[name]()
            elif name == "drop":
                drop(word)
            else:
                getattr(peer, name)(word)
            print("done", flush=True)
        if time.monotonic() >= due:
            peer.step()
            due = time.monotonic() + 0.05


if __name__ == "__main__":
    main()
