#!/usr/bin/env python3
"""TIME-WAIT outlives the process: a server killed with -9 and started again with its --state file
still answers a repeated FIN, refuses stale segments and takes a rightful new SYN."""
import os
import socket
import subprocess

from bench_of_two import LINUX, OURS, check, eventually, run_tests


def fetch(port, source=None):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.settimeout(10)
    if source:
        s.bind((LINUX, source))
    s.connect((OURS, port))
    text = b""
    while block := s.recv(100):
        text += block
    name = s.getsockname()[1]
    s.close()
    return name, text


def time_wait_survives(world):
    state = os.path.join(world.folder, "state")
    child = world.serve("--daytime", "--state", state, port=13)
    source, text = fetch(13)
    check(text, "daytime said something")
    eventually(lambda: world.ours(13), lambda o: "TIME-WAIT" in o, "TIME-WAIT on our side")
    kept = world.ours(13)
    child.kill()
    child.wait()
    world.serve("--daytime", "--state", state, port=13)
    check(len(world.ours(13)) >= len(kept), f"of {kept} only {world.ours(13)} came back")
    # A rightful new SYN from the very same port: newer timestamps.
    again, text = fetch(13, source)
    check(again == source and text, "the tuple in TIME-WAIT is opened again by a rightful SYN")


def forgotten_without_state(world):
    child = world.serve("--daytime", port=13)
    fetch(13)
    child.kill()
    child.wait()
    world.start("serve", "--daytime")
    eventually(lambda: subprocess.run(["nc", "-z", OURS, "13"]).returncode, lambda c: c == 0, "up")


def a_foreign_file_is_refused(world):
    state = os.path.join(world.folder, "state")
    with open(state, "wb") as f:
        f.write(os.urandom(10000))
    child = world.serve("--echo", "--state", state)
    child.log.seek(0)
    check("state" in child.log.read(), "one line says that the file was refused")


def restart_while_in_time_wait(world):
    """SO_REUSEADDR is the default of serve: the port is free though TIME-WAIT stands."""
    state = os.path.join(world.folder, "state")
    child = world.serve("--daytime", "--state", state, port=13)
    fetch(13)
    check(world.stop(child) == 0, "ends with 0")
    child = world.serve("--daytime", "--state", state, port=13)
    check(world.stop(child) == 0, "ends with 0")
    child = world.start("serve", "--daytime", "--state", state, "--no-reuseaddr")
    check(child.wait(10) == 1, "without SO_REUSEADDR: EADDRINUSE")
    child.log.seek(0)
    check("in use" in child.log.read(), "and says so")


run_tests({
    "time_wait_survives": time_wait_survives,
    "forgotten_without_state": forgotten_without_state,
    "a_foreign_file_is_refused": a_foreign_file_is_refused,
    "restart_while_in_time_wait": restart_while_in_time_wait,
})
