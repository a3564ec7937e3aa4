#!/usr/bin/env python3
"""`estab connect`, a netcat on our stack, against Linux's sockets: both directions, half-close,
reset, refusal, scanning, listening; what it prints and how it exits."""
import hashlib
import os
import socket
import subprocess
import threading

from bench_of_two import ESTAB, LINUX, OURS, check, eventually, run_tests


def listener(port):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind((LINUX, port))
    s.listen(8)
    s.settimeout(20)
    return s


def connect(world, *arguments, data=b""):
    return subprocess.run(
        [ESTAB, "connect", *arguments, "--device", world.device, "--address", f"{OURS}/24"],
        input=data, capture_output=True, timeout=60, env=world.environment)


def in_thread(work):
    result = []
    thread = threading.Thread(target=lambda: result.append(work()))
    thread.start()

    def join():
        thread.join(60)
        check(result, "Linux's side did not finish")
        return result[0]
    return join


def read_all(s):
    data = bytearray()
    while piece := s.recv(65536):
        data += piece
    return bytes(data)


def both_ways(world):
    """-N: 10 MB go out, our FIN after them; then 5 MB come back."""
    out, back = os.urandom(10_000_000), os.urandom(5_000_000)
    with listener(9001) as s:
        def serve():
            peer, _ = s.accept()
            with peer:
                peer.settimeout(30)
                got = read_all(peer)
                peer.sendall(back)
                return got
        join = in_thread(serve)
        done = connect(world, LINUX, "9001", "-N", data=out)
        check(hashlib.sha256(join()).digest() == hashlib.sha256(out).digest(), "10 MB out")
    check(done.returncode == 0, f"exit {done.returncode}: {done.stderr}")
    check(done.stdout == back, "5 MB back")


def input_from_a_file(world):
    path = os.path.join(world.folder, "input")
    with open(path, "wb") as f:
        f.write(b"x" * 300_000)
    with listener(9002) as s:
        def serve():
            peer, _ = s.accept()
            with peer:
                return len(read_all(peer))
        join = in_thread(serve)
        with open(path, "rb") as f:
            done = subprocess.run([ESTAB, "connect", LINUX, "9002", "-N", "--device", world.device,
                                   "--address", f"{OURS}/24"], stdin=f, capture_output=True,
                                  timeout=60, env=world.environment)
        check(join() == 300_000 and done.returncode == 0, f"{done}")


def refused(world):
    done = connect(world, LINUX, "9003")
    check(done.returncode == 1, f"exit {done.returncode}")
    check(done.stderr == f"estab connect: {LINUX}:9003: Connection refused\n".encode(),
          f"it said {done.stderr}")


def scan(world):
    with listener(9004):
        done = connect(world, "-z", LINUX, "9004-9005")
    check(done.stdout == f"{LINUX}:9004 is open\n".encode(), f"it said {done.stdout}")
    check(done.returncode == 1, "9005 is closed, which the exit status tells")


def linger_zero_resets(world):
    with listener(9006) as s:
        def serve():
            peer, _ = s.accept()
            with peer:
                peer.sendall(b"bye")
                peer.shutdown(socket.SHUT_WR)
                try:
                    while peer.recv(100):
                        pass
                    return "end"
                except ConnectionResetError:
                    return "reset"
        join = in_thread(serve)
        done = connect(world, LINUX, "9006", "--linger", "0", "-d")
        check(done.stdout == b"bye", f"it printed {done.stdout}")
        check(join() == "reset", "--linger 0 ends with a RST")


def source_port(world):
    with listener(9007) as s:
        def serve():
            peer, address = s.accept()
            peer.close()
            return address
        join = in_thread(serve)
        connect(world, LINUX, "9007", "--source-port", "5555", "--reuseaddr", "-N")
        check(join() == (OURS, 5555), "the source port is the one asked for")


def peer_resets(world):
    with listener(9008) as s:
        def serve():
            peer, _ = s.accept()
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            peer.close()
            return True
        join = in_thread(serve)
        done = connect(world, LINUX, "9008", "-d")
        join()
        check(done.returncode == 1 and b"reset" in done.stderr, f"{done}")


def listens(world):
    child = world.start("connect", "-l", "4000", "-N", stdin=subprocess.PIPE)
    child.stdin.write(b"from ours")
    child.stdin.close()
    peer = None

    def connected():
        nonlocal peer
        peer = socket.socket()
        peer.settimeout(5)
        return peer.connect_ex((OURS, 4000)) == 0
    eventually(connected, bool, "somebody listens on port 4000 of our stack")
    peer.sendall(b"from Linux")
    peer.shutdown(socket.SHUT_WR)
    check(read_all(peer) == b"from ours", "what our side sends arrives")
    peer.close()
    out = child.stdout.read()
    check(child.wait(20) == 0 and out == b"from Linux", f"it printed {out}")


def timeout(world):
    """Nobody has this address: with -w it gives up soon."""
    done = connect(world, "10.77.0.99", "80", "-w", "0.2")
    check(done.returncode == 1 and b"timed out" in done.stderr, f"{done}")


def device_in_use(world):
    world.serve("--echo")
    done = connect(world, LINUX, "9")
    check(done.returncode == 1 and done.stderr.count(b"\n") == 1, f"{done}")


run_tests({f.__name__: f for f in (both_ways, input_from_a_file, refused, scan, linger_zero_resets,
                                   source_port, peer_resets, listens, timeout, device_in_use)})
