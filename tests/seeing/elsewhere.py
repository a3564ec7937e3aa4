#!/usr/bin/env python3
"""The doctor looks into another network namespace, and names a dead host of IPv6 as one of IPv4."""
import json
import socket
import subprocess
import sys
import time

from looks import PORT, check, inside, linux, run

LINK = ("ip link set lo up; ip link add dead0 type veth peer name dead1; ip link set dead0 up; ip link set dead1 up;"
        "ip addr add 10.78.0.1/24 dev dead0; ip addr add fd78::1/64 dev dead0 nodad")


def calls(host, family):
    """Asks again and again, as who calls a host that is not there does: each call lasts three seconds."""
    made = [socket.socket(family) for _ in range(6)]
    for one in made:
        one.setblocking(False)
        one.connect_ex((host, PORT))
    return made


def dead_hosts():
    dweller = subprocess.Popen(["unshare", "--net", sys.executable, __file__, "dweller"], stdout=subprocess.PIPE)
    try:
        check(dweller.stdout.readline() == b"up\n", "no namespace to look into")
        there = f"/proc/{dweller.pid}/ns/net"
        time.sleep(1)
        code, out, err = linux("doctor", "--json", "--interval", "0.5", "-N", there)
        check(code == 1, f"exit {code}: {out}{err}")
        found = {f["headline"].split(" answer from ")[1] for f in json.loads(out)["findings"] if f["id"] == "syn-sent-no-host"}
        check(found == {f"10.78.0.77:{PORT}: no such host", f"[fd78::77]:{PORT}: no such host"}, f"{found} of {out}")
        check(linux("doctor", "--interval", "0.1")[0] == 0, "here is nothing")
        code, out, err = run("doctor", "-N", "nosuch")
        check(code == 3 and "nosuch" in err and not out, f"exit {code}: {out}{err}")
    finally:
        dweller.kill()
        dweller.wait()


if sys.argv[1:] == ["dweller"]:
    subprocess.run(LINK, shell=True, check=True)
    print("up", flush=True)
    while True:
        held = [calls("10.78.0.77", socket.AF_INET), calls("fd78::77", socket.AF_INET6)]
        time.sleep(2.8)
inside([dead_hosts], "--net")
