#!/usr/bin/env python3
"""`estab trace` on Linux, in a network namespace of its own: each transition of both ends, with its
cause, owner and time; many short connections without a loss that is not counted; what is kept for
other verbs. Skips where BPF cannot be had. Names of checks as arguments run these alone."""
import collections
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

ESTAB = os.environ.get("ESTAB", "")
SKIP = 77
PORT = 7700
MS = 1_000_000


class Trace:
    """A running `estab trace --json`."""

    def __init__(self, *words):
        self.out = tempfile.TemporaryFile("w+")
        self.err = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen([ESTAB, "trace", "--source", "linux", "--json", *words],
                                        stdout=self.out, stderr=self.err, stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + 20
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        # It sees what happens as soon as it shows something: a probe for each tenth of a second.
        while time.monotonic() < deadline and os.fstat(self.out.fileno()).st_size == 0:
            listener.listen()
            listener.close()
            listener = socket.socket()
            listener.bind(("127.0.0.1", 0))
            time.sleep(0.1)
        listener.close()

    def end(self, patience=0.3):
        time.sleep(patience)
        self.process.send_signal(signal.SIGINT)
        self.process.wait(60)
        self.out.seek(0)
        self.err.seek(0)
        self.said = self.err.read()
        return [json.loads(line) for line in self.out]


def listening(port, backlog=64):
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    one.bind(("127.0.0.1", port))
    one.listen(backlog)
    return one


def pair(listener):
    client = socket.create_connection(listener.getsockname())
    server, _ = listener.accept()
    return client, server


def ends_of(events, client_port):
    """(the client's events, the server's) of that connection."""
    ours = [e for e in events if e["local_port"] == client_port]
    theirs = [e for e in events if e["peer_port"] == client_port]
    return ours, theirs


def moves(events):
    return [(e["old"], e["new"], e.get("arrow", e.get("rule"))) for e in events]


def every_transition():
    trace = Trace()
    listener = listening(PORT)
    client, server = pair(listener)
    port = client.getsockname()[1]
    marks = {}

    def mark(name, call):
        before = time.monotonic_ns()
        call()
        marks[name] = before

    mark("established", lambda: time.sleep(0.25))
    mark("client closes", client.close)
    time.sleep(0.3)
    mark("server closes", server.close)
    listener.close()
    ours, theirs = ends_of(trace.end(), port)
    assert moves(ours) == [
        ("CLOSED", "SYN-SENT", 3), ("SYN-SENT", "ESTABLISHED", 10), ("ESTABLISHED", "FIN-WAIT-1", 12),
        ("FIN-WAIT-1", "FIN-WAIT-2", 14), ("FIN-WAIT-2", "TIME-WAIT", 16)], moves(ours)
    assert moves(theirs) == [
        ("LISTEN", "SYN-RECEIVED", 6), ("SYN-RECEIVED", "ESTABLISHED", 9), ("ESTABLISHED", "CLOSE-WAIT", 13),
        ("CLOSE-WAIT", "LAST-ACK", 18), ("LAST-ACK", "CLOSED", 19)], moves(theirs)
    for e in ours + theirs:
        assert e["pid"] == os.getpid(), e
    assert {e["id"] for e in ours} != {e["id"] for e in theirs} and len({e["id"] for e in ours}) == 1
    at = {(e["old"], e["new"]): e for e in ours + theirs}
    closed = at["ESTABLISHED", "FIN-WAIT-1"]["monotonic_ns"]
    answered = at["CLOSE-WAIT", "LAST-ACK"]["monotonic_ns"]
    assert 0 <= closed - marks["client closes"] < 20 * MS, "not when it happened"
    waited = at["CLOSE-WAIT", "LAST-ACK"]["in_state_ns"]
    assert abs(waited - (answered - at["ESTABLISHED", "CLOSE-WAIT"]["monotonic_ns"])) < MS, waited
    assert abs(waited - (marks["server closes"] - marks["client closes"])) < 20 * MS, waited


def agrees_with_a_capture():
    """Time in state against the packets' own times: within a millisecond."""
    if subprocess.run(["sh", "-c", "command -v tcpdump"], capture_output=True).returncode:
        print("  no tcpdump: not compared with a capture")
        return
    dump = subprocess.Popen(["tcpdump", "-i", "lo", "-tt", "-n", "-l", "--nano", "-S", f"tcp port {PORT}"],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    dump.stderr.readline()
    dump.stderr.readline()
    trace = Trace()
    listener = listening(PORT)
    client, server = pair(listener)
    port = client.getsockname()[1]
    for call, wait in ((client.close, 0.15), (server.close, 0.2), (listener.close, 0)):
        time.sleep(wait)
        call()
    ours, theirs = ends_of(trace.end(0.5), port)
    dump.terminate()
    packets = [line.split() for line in dump.communicate()[0].splitlines() if "Flags [" in line]
    seconds = {}
    for words in packets:
        flags = words[words.index("Flags") + 1]
        seconds.setdefault((words[2].rsplit(".", 1)[1] == str(port), flags), float(words[0]))
    syn, syn_ack = seconds[True, "[S],"], seconds[False, "[S.],"]
    fin, fin_back = seconds[True, "[F.],"], seconds[False, "[F.],"]
    in_state = {e["old"]: e["in_state_ns"] / 1e9 for e in ours + theirs if "in_state_ns" in e}
    spent = {(e["old"], e["peer_port"] == port): e["in_state_ns"] / 1e9 for e in ours + theirs if "in_state_ns" in e}
    for name, found, expected in (
            ("SYN-SENT", spent["SYN-SENT", False], syn_ack - syn),
            ("ESTABLISHED", spent["ESTABLISHED", False], fin - syn_ack),
            ("CLOSE-WAIT", spent["CLOSE-WAIT", True], fin_back - fin),
            ("FIN-WAIT-1 and 2", in_state["FIN-WAIT-1"] + in_state["FIN-WAIT-2"], fin_back - fin)):
        print(f"  {name}: {found * 1e3:.3f} ms, by the capture {expected * 1e3:.3f} ms")
        assert abs(found - expected) < 0.001, name


def causes():
    trace = Trace("--resets")
    listener = listening(PORT)
    ports = {}
    client, server = pair(listener)  # closed with unread data
    ports["unread"] = client.getsockname()[1]
    client.send(b"unread")
    time.sleep(0.02)
    server.close()
    time.sleep(0.02)
    client.close()
    client, server = pair(listener)  # linger 0
    ports["linger"] = client.getsockname()[1]
    server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    server.close()
    time.sleep(0.02)
    client.close()
    client, server = pair(listener)  # data after close
    ports["late data"] = client.getsockname()[1]
    server.close()
    time.sleep(0.05)
    client.send(b"late")
    time.sleep(0.02)
    client.close()
    refused = socket.socket()
    refused.bind(("127.0.0.1", 0))
    ports["refused"] = refused.getsockname()[1]
    assert refused.connect_ex(("127.0.0.1", PORT + 1)) != 0
    refused.close()
    listener.close()
    events = trace.end(1.2)
    rules = collections.defaultdict(set)
    for e in events:
        for name, port in ports.items():
            if port in (e["local_port"], e["peer_port"]) and "rule" in e:
                rules[name].add(e["rule"])
    assert rules["unread"] == {"L18", "L15"}, rules
    assert rules["linger"] == {"L17", "L15"}, rules
    assert rules["late data"] == {"L19", "L15"}, rules
    assert rules["refused"] == {"L3"}, rules
    reasons = {e.get("reset_reason") for e in events if e["kind"] == "reset-sent"}
    assert {"NO_SOCKET", "TCP_ABORT_ON_CLOSE"} <= reasons, reasons


def nothing_is_lost_uncounted():
    """Short connections for a few seconds, as many as 10,000 a second."""
    trace = Trace()
    listener = listening(PORT, 4096)
    target = listener.getsockname()
    made, begin = 0, time.monotonic()
    while made < 20000 and time.monotonic() - begin < 20:
        client = socket.socket()
        client.setsockopt(socket.IPPROTO_IP, 24, 1)  # IP_BIND_ADDRESS_NO_PORT
        client.bind((f"127.0.0.{2 + made % 40}", 0))
        client.connect(target)
        server, _ = listener.accept()
        client.close()
        server.close()
        made += 1
    took = time.monotonic() - begin
    listener.close()
    events = trace.end(1)
    told = collections.Counter((e["old"], e["new"]) for e in events if PORT in (e["local_port"], e["peer_port"]))
    lost = int(trace.said.split(" lost")[-2].split()[-1])
    print(f"  {made} connections in {took:.1f} s, {made / took:.0f} a second; {sum(told.values())} events, {lost} lost")
    for move in (("CLOSED", "SYN-SENT"), ("SYN-RECEIVED", "ESTABLISHED"), ("FIN-WAIT-2", "TIME-WAIT"),
                 ("LAST-ACK", "CLOSED")):
        assert told[move] == made or lost >= made - told[move] > 0, (move, told[move], made, lost)


def time_in_state_is_kept_for_others():
    trace = Trace()
    listener = listening(PORT)
    client, server = pair(listener)
    port = client.getsockname()[1]
    client.close()
    time.sleep(0.5)
    rows = subprocess.run([ESTAB, "ss", "-tanp", "--json", "sport", "=", f":{port}", "or", "dport", "=", f":{port}"],
                          capture_output=True, text=True).stdout
    server.close()
    listener.close()
    trace.end()
    if '"close-wait"' not in rows.lower().replace("_", "-"):
        print("  estab ss has no --json here: not compared")
        return
    print("  " + rows.strip().splitlines()[0][:300])


def ends_by_count_and_by_time():
    done = subprocess.run([ESTAB, "trace", "--source", "linux", "--seconds", "0.3"], capture_output=True, text=True,
                          timeout=30)
    assert done.returncode == 0 and done.stderr.rstrip().endswith("lost"), done.stderr
    done = subprocess.run([ESTAB, "trace", "--source", "linux", "--no-bpf", "--seconds", "0.3"], capture_output=True,
                          text=True, timeout=30)
    assert done.returncode == 0 and "is not seen" in done.stderr, done.stderr


CHECKS = [every_transition, agrees_with_a_capture, causes, nothing_is_lost_uncounted,
          time_in_state_is_kept_for_others, ends_by_count_and_by_time]


def inside(names):
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    probe = subprocess.run([ESTAB, "trace", "--source", "linux", "--seconds", "0.1"], capture_output=True, text=True)
    if "again and again" in probe.stderr:
        print("skipped: " + probe.stderr.splitlines()[0])
        return SKIP
    failures = 0
    for check in CHECKS:
        if names and check.__name__ not in names:
            continue
        print(check.__name__, flush=True)
        try:
            check()
        except AssertionError as error:
            failures += 1
            print(f"  FAILED: {error}")
    return 1 if failures else 0


def main():
    if "--inside" in sys.argv:
        return inside([name for name in sys.argv[1:] if name != "--inside"])
    if os.geteuid() != 0 or subprocess.run(["unshare", "-n", "true"], capture_output=True).returncode:
        print("skipped: needs root and network namespaces")
        return SKIP
    return subprocess.run(["unshare", "-n", sys.executable, __file__, "--inside", *sys.argv[1:]]).returncode


if __name__ == "__main__":
    sys.exit(main())
