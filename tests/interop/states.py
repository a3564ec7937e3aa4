#!/usr/bin/env python3
"""ss on Linux's side and `estab ss` on ours show the states that the RFC demands of each end."""
import os
import socket
import struct
import subprocess
import time

from bench_of_two import LINUX, OURS, Failed, check, eventually, run_tests

RESET = struct.pack("ii", 1, 0)
HELD = float(os.environ.get("HALF_CLOSE_SECONDS", "1"))  # 60: a minute, for the patient
QUEUE = os.environ.get("QUEUE_OF_OURS") or os.path.join(
    os.path.dirname(os.path.abspath(__file__)), "..", "..", "build", "bin", "queue_of_ours")


def connect(port=7, timeout=10):
    s = socket.socket()
    s.settimeout(timeout)
    s.connect((OURS, port))
    return s


def listen(port):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind((LINUX, port))
    s.listen(16)
    s.settimeout(10)
    return s


def establish(world):
    """Both directions of opening."""
    world.serve("--echo")
    s = connect()
    s.sendall(b"hello")
    check(s.recv(10) == b"hello", "echo")
    world.both(7, ["ESTAB"], ["ESTAB"], "both ends ESTAB")
    s.close()


def lost_final_ack(world):
    """Linux believes that it is connected; our end has not seen the third segment."""
    world.serve("--echo", "--faults", "out:delay=700ms")
    s = socket.socket()
    s.setblocking(False)
    s.connect_ex((OURS, 7))
    eventually(lambda: world.ours(7), lambda o: o == ["SYN-RECV"], "our end SYN-RECV")
    world.sh(f"ip route add blackhole {OURS}/32")  # before our SYN,ACK is there
    world.both(7, ["SYN-RECV"], ["ESTAB"], "SYN-RECV here, ESTAB there")
    world.sh(f"ip route del blackhole {OURS}/32")
    world.both(7, ["ESTAB"], ["ESTAB"], "the repeated SYN,ACK mends it")
    s.close()


def half_close_by_linux(world):
    """Linux has said all; our application holds on (the held time is half-open: no timer runs)."""
    with listen(5001) as door:
        child = world.start("connect", LINUX, "5001", "-N", stdin=subprocess.PIPE)
        s, _ = door.accept()
        s.shutdown(socket.SHUT_WR)
        port = s.getpeername()[1]
        world.both(port, ["CLOSE-WAIT"], ["FIN-WAIT-2"], "CLOSE-WAIT here, FIN-WAIT-2 there")
        child.stdin.write(b"still talking\n")
        child.stdin.flush()
        check(s.recv(100) == b"still talking\n", "data flows from the side that is open")
        child.stdin.close()
        check(child.wait(10) == 0, "estab connect ends with 0")
        s.close()


def half_close_by_us(world):
    with listen(5002) as door:
        child = world.start("connect", LINUX, "5002", "-N", stdin=subprocess.PIPE)
        s, _ = door.accept()
        port = s.getpeername()[1]
        child.stdin.write(b"question")
        child.stdin.close()
        check(s.recv(100) == b"question" and s.recv(1) == b"", "question, then end of stream")
        world.both(port, ["FIN-WAIT-2"], ["CLOSE-WAIT"], "FIN-WAIT-2 here, CLOSE-WAIT there")
        s.sendall(b"answer")
        check(child.stdout.read(6) == b"answer", "the answer comes through the half that is open")
        s.close()
        check(child.wait(10) == 0, "estab connect ends with 0")


def hold(world, port, ours, linux, text):
    """Nothing may happen to a half-close while the applications wait: L9, no timer ends it."""
    end = time.monotonic() + HELD
    while time.monotonic() < end:
        got = world.ours(port), world.linux(port)
        check(got == (ours, linux), f"{text}: {got}")
        time.sleep(min(1.0, HELD / 4))


def half_close_by_linux_held(world):
    with listen(5005) as door:
        child = world.start("connect", LINUX, "5005", "-N", stdin=subprocess.PIPE)
        s, _ = door.accept()
        s.shutdown(socket.SHUT_WR)
        port = s.getpeername()[1]
        world.both(port, ["CLOSE-WAIT"], ["FIN-WAIT-2"], "CLOSE-WAIT here, FIN-WAIT-2 there")
        hold(world, port, ["CLOSE-WAIT"], ["FIN-WAIT-2"], "the half-close is held")
        child.stdin.write(b"still there\n")
        child.stdin.close()
        check(s.recv(100) == b"still there\n", "data flows after the wait")
        check(s.recv(1) == b"" and child.wait(10) == 0, "and both ends are through")


def half_close_by_us_held(world):
    """FIN-WAIT-2 with an owner: tcp_fin_timeout does not concern it (a second here, to be sure)."""
    with listen(5006) as door:
        child = world.start("connect", LINUX, "5006", "-N", "--tune", "tcp_fin_timeout=1",
                            stdin=subprocess.PIPE)
        s, _ = door.accept()
        port = s.getpeername()[1]
        child.stdin.close()
        check(s.recv(1) == b"", "our end of stream")
        world.both(port, ["FIN-WAIT-2"], ["CLOSE-WAIT"], "FIN-WAIT-2 here, CLOSE-WAIT there")
        hold(world, port, ["FIN-WAIT-2"], ["CLOSE-WAIT"], "the half-close is held")
        s.sendall(b"answer")
        check(child.stdout.read(6) == b"answer", "the answer comes after the wait")
        s.close()
        check(child.wait(10) == 0, "estab connect ends with 0")


def queue_of_ours(world, *arguments):
    child = world.run([QUEUE, world.device, f"{OURS}/24", *arguments], stdin=subprocess.PIPE)
    line = child.stdout.readline()
    if line != b"ready\n":
        child.wait(10)
        child.log.seek(0)
        raise Failed(f"queue_of_ours said {line!r} {child.log.read().strip()}")
    return child


def our_listener_closes_with_a_queue(world):
    """L7: three wait to be accepted, nobody accepts, the listener closes: RST to each."""
    child = queue_of_ours(world, "listen", "5007")
    clients = [connect(5007) for _ in range(3)]
    clients[1].sendall(b"unread")
    world.both(5007, ["ESTAB"] * 3, ["ESTAB"] * 3, "ESTAB on both sides, though in the queue")
    waiting = [line.split()[1] for line in world.estab("ss", "-ltnH").splitlines()]
    check(waiting == ["3"], f"Recv-Q of our listener says how many wait: {waiting}")
    child.stdin.write(b"\n")
    child.stdin.flush()
    world.both(5007, [], [], "no trace of them on either side")
    for s in clients:
        try:
            raise Failed(f"read {s.recv(1)!r} where a reset was due")
        except ConnectionResetError:
            s.close()
    try:
        connect(5007)
        raise Failed("connected to a listener that is closed")
    except ConnectionRefusedError:
        pass


def listener_of_linux_closes_with_a_queue(world):
    """The same seen from the other end: our clients wait in Linux's queue."""
    door = listen(5008)
    child = queue_of_ours(world, "connect", f"{LINUX}:5008", "3")
    eventually(lambda: world.ours_to(5008), lambda o: o == ["ESTAB"] * 3, "ESTAB on our side")
    check(world.linux_of(5008) == ["ESTAB"] * 3, "ESTAB on Linux's side, though in the queue")
    door.close()
    for _ in range(3):
        line = child.stdout.readline()
        check(line == b"Connection reset by peer\n", f"our client reads {line!r}")
    eventually(lambda: (world.ours_to(5008), world.linux_of(5008)), lambda s: s == ([], []),
               "no trace of them on either side")


def linux_closes_first(world):
    world.serve("--echo", "--tune", "time_wait=2")
    s = connect()
    s.close()
    world.both(7, [], ["TIME-WAIT"], "TIME-WAIT on the side that closed first, nothing on ours")


def we_close_first(world):
    """daytime closes first; our TIME-WAIT is there for its time and then gone."""
    world.serve("--daytime", "--tune", "time_wait=2", port=13)
    eventually(lambda: world.ours(13), lambda o: o == [], "the probe's TIME-WAIT is over")
    s = connect(13)
    while s.recv(100):
        pass
    world.both(13, ["FIN-WAIT-2"], ["CLOSE-WAIT"], "ours has closed, Linux's has not")
    s.close()
    world.both(13, ["TIME-WAIT"], [], "TIME-WAIT on our side")
    eventually(lambda: world.ours(13), lambda o: o == [], "it ends after time_wait")
    check("TcpExtTW " in world.estab("counters"), "counted")


def simultaneous_close(world):
    """Both FINs are on their way at once: CLOSING, then TIME-WAIT, on both sides."""
    with listen(5003) as door:
        child = world.start("connect", LINUX, "5003", "-N", "--faults", "delay=250ms",
                            stdin=subprocess.PIPE)
        s, _ = door.accept()
        port = s.getpeername()[1]
        world.both(port, ["ESTAB"], ["ESTAB"], "both ESTAB")
        child.stdin.close()  # our FIN leaves, and is held for 250 ms
        eventually(lambda: world.ours(port), lambda o: o == ["FIN-WAIT-1"], "our FIN has left")
        s.close()
        world.both(port, ["CLOSING"], ["CLOSING"], "the FINs crossed: CLOSING on both sides")
        eventually(lambda: world.linux(port), lambda o: o == ["TIME-WAIT"], "TIME-WAIT there")


def refused(world):
    world.serve("--echo")
    s = socket.socket()
    s.settimeout(5)
    try:
        s.connect((OURS, 4242))
        raise Failed("a closed port was connected to")
    except ConnectionRefusedError:
        pass
    check(world.ours(4242) == [] and world.linux(4242) == [], "no trace of it")


def refused_by_linux(world):
    child = world.start("connect", LINUX, "4243")
    check(child.wait(10) == 1, "exit status 1")
    child.log.seek(0)
    check("refused" in child.log.read(), "says that it was refused")


def reset_by_linux(world):
    world.serve("--echo")
    s = connect()
    world.both(7, ["ESTAB"], ["ESTAB"], "both ESTAB")
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    s.close()
    world.both(7, [], [], "a reset leaves nothing on either side")


def reset_by_us(world):
    with listen(5004) as door:
        child = world.start("connect", LINUX, "5004", "--linger", "0", stdin=subprocess.PIPE)
        s, _ = door.accept()
        s.settimeout(10)
        child.terminate()
        try:
            got = s.recv(1)
            raise Failed(f"read {got!r} where a reset was due")
        except ConnectionResetError:
            pass


def killed(world):
    """kill -9 in the middle: Linux's next word is answered by nobody, then by RST from the new life."""
    child = world.serve("--echo")
    s = connect()
    world.both(7, ["ESTAB"], ["ESTAB"], "both ESTAB")
    child.kill()
    child.wait()
    world.serve("--echo")
    try:
        s.sendall(b"anybody?")
        s.recv(1)
        raise Failed("an answer from a connection that nobody remembers")
    except ConnectionResetError:
        pass


def linux_takes_our_thousands(world):
    """A batch of connections in a row: nothing is left on our side but what TIME-WAIT demands."""
    world.serve("--echo", "--tune", "time_wait=1")
    for _ in range(300):
        s = connect()
        s.sendall(b"x")
        check(s.recv(1) == b"x", "echo")
        s.close()
    eventually(lambda: world.ours(7), lambda o: o == [], "all gone on our side")


run_tests({name: f for name, f in list(globals().items())
           if callable(f) and getattr(f, "__module__", "") == "__main__"
           and name not in ("connect", "listen", "hold", "queue_of_ours")})
