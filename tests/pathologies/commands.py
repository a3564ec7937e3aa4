"""Every command that a finding recommends is run, and must do what the finding says."""
import os
import subprocess
import time

from world import BIN


def run(world, command):
    environment = {**world.environment, "PATH": f"{BIN}:{os.environ['PATH']}"}
    return subprocess.run(command, shell=True, capture_output=True, text=True, env=environment,
                          timeout=20)


def value_now(world, name):
    if name.startswith("net."):
        return world.sh(f"sysctl -n {name}").split()
    if name.startswith("nofile of "):
        pid = name.split()[-1]
        return world.sh(f"prlimit --pid {pid} --nofile --noheadings -o SOFT").split()
    got = run(world, f"estab tuning --stack {world.subject.pid} {name}").stdout
    lines = [line.split("#")[0].split("=") for line in got.splitlines()]
    return next((words[1].split() for words in lines if words[0].strip() == name), None)


def matching(world, filter):
    rows = run(world, f"estab ss -tanH {filter}").stdout.splitlines()
    return {tuple(row.split()[-2:]) for row in rows}


def did(world, remedy):
    """An empty text when the command did what it is said to do."""
    there = matching(world, remedy["value"]) if remedy.get("name") == "connections" else set()
    done = run(world, remedy["command"])
    if done.returncode != 0:
        return f"exit {done.returncode}: {(done.stderr or done.stdout).strip()}"
    if remedy["effect"] == "shows":
        rows = done.stdout.strip().splitlines()
        return "" if len(rows) > 1 else "shows nothing"
    if remedy["effect"] == "sets":
        now = value_now(world, remedy["name"])
        return "" if now == remedy["value"].split() else f"it is {now}"
    if remedy["effect"] == "keeps":  # what the system does when it starts
        world.sh("sysctl -p /etc/sysctl.d/*.conf")
        now = value_now(world, remedy["name"])
        return "" if now == remedy["value"].split() else f"after a start it is {now}"
    if remedy["effect"] == "ends" and remedy["name"] == "connections":
        left = there & matching(world, remedy["value"])  # new ones may have come
        return "" if there and not left else f"{len(left)} of {len(there)} are left"
    if remedy["effect"] == "ends":
        end = time.monotonic() + 5
        while world.subject.child.poll() is None and time.monotonic() < end:
            time.sleep(0.02)
        return "" if world.subject.child.poll() is not None else "the process lives on"
    return f"effect {remedy['effect']}?"


def check(world, findings):
    """What shows comes first, what ends comes last: the others need the process. The system's own
    files are out of sight in this mount namespace."""
    subprocess.run("mount -t tmpfs none /etc/sysctl.d", shell=True, check=True)
    remedies = [r for f in findings for r in f["now"] + f["for_good"] if "command" in r]
    order = ["shows", "connections", "sets", "keeps", "ends"]  # what is set may end them as well
    remedies.sort(key=lambda r: order.index(
        "connections" if r.get("name") == "connections" else r["effect"]))
    for remedy in remedies:
        wrong = did(world, remedy)
        if wrong:
            return f"`{remedy['command']}`: {wrong}"
    return ""
