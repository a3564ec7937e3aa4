#!/usr/bin/env python3
"""A leak is reported with the functions that accepted the connections and read them last: of Linux's
sockets while `estab doctor --watch` watches, of a stack of ours once its knob record_call_sites is on,
which the finding says. The healthy twin is not reported."""
import json
import os
import subprocess
import sys

import cases
from world import ESTAB, Failed, World

LOOKS = 40  # of half a second each: until the leak is old enough to be one
QUICK = ["--interval", "0.5", "--old", "0.4"]
KNOB = "record_call_sites"


def begin(world, what, knobs=None):
    case = next(c for c in cases.CASES if c.name == "close_wait" and c.what == what)
    world.start(case.name, "sick" if case.sick else "healthy", case.what, {**case.knobs, **(knobs or {})})
    case.begin(world, case)


def leak(world):
    for _ in range(LOOKS):
        for finding in world.doctor(*QUICK)[1]["findings"]:
            if finding["id"] == "close-wait-leak":
                return finding
    raise AssertionError("no leak was found")


def is_named(where):
    print(" ", where)
    for name in ("accept_one", "close_wait", "main.cpp", "close_wait.cpp"):
        assert name in where, f"{name} is not named in: {where}"
    assert "ended_or_broken" in where[where.index("last read by"):], where
    assert "which saw the end" in where, where
    assert "estab::" not in where and "estab_" not in where, where


def watching_linux():
    """Skipped where BPF cannot be had."""
    world = World("linux")
    watcher = subprocess.Popen([ESTAB, "doctor", "--watch", "--json", "--source", "linux", *QUICK],
                               text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               env=world.environment)
    try:
        watcher.stdout.readline()  # it watches from here on
        begin(world, "drained")
        for _ in range(LOOKS):
            line = watcher.stdout.readline()
            assert line, "the watch ended"
            found = [f for f in json.loads(line)["findings"] if f["id"] == "close-wait-leak" and f["code"]]
            if found:
                return is_named(found[0]["code"][0]["where"])
        watcher.kill()
        said = watcher.stderr.read()
        if "cannot tell which code" not in said:
            raise AssertionError("no finding names the code")
        print("  skipped:", said.strip())
    finally:
        watcher.kill()
        watcher.wait()
        world.end()


def recorded_by_a_stack():
    """At one look, without a watch."""
    world = World("estab")
    try:
        begin(world, "drained", {KNOB: 1})
        found = leak(world)
        is_named(found["code"][0]["where"])
        assert KNOB not in json.dumps(found["now"]), "told to turn on what is on"
        text = world.doctor_text(*QUICK)
        assert "Made by" in text and "accept_one" in text, text
    finally:
        world.end()


def the_next_step_turns_it_on():
    """Off by default: the finding's own command takes effect on the running stack."""
    world = World("estab")
    try:
        begin(world, "drained")
        found = leak(world)
        assert found["code"] == [], found["code"]
        commands = [r["command"] for r in found["now"] if KNOB in r.get("command", "")]
        assert len(commands) == 1, found["now"]
        world.sh(f"PATH={os.path.dirname(ESTAB)}:$PATH {commands[0]}")
        world.peer.ask("close_wait clients")  # more of the same
        for _ in range(LOOKS):
            code = leak(world)["code"]
            if code and "accept_one" in code[0]["where"]:
                return is_named(code[0]["where"])
        raise AssertionError("connections made after the knob was turned on are not named")
    finally:
        world.end()


def the_twin_is_healthy():
    world = World("estab")
    try:
        begin(world, "late", {KNOB: 1})
        for _ in range(4):
            status, report = world.doctor(*QUICK)
            assert status == 0 and report["findings"] == [], report["findings"]
    finally:
        world.end()


def main():
    if os.environ.get("ESTAB_CODE_INSIDE") is None:
        if os.geteuid() != 0:
            print("SKIPPED: network namespaces and BPF are root's")
            sys.exit(77)
        os.environ["ESTAB_CODE_INSIDE"] = "1"
        os.execvp("unshare", ["unshare", "--net", "--mount", sys.executable, *sys.argv])
    failures = 0
    for check in (watching_linux, recorded_by_a_stack, the_next_step_turns_it_on, the_twin_is_healthy):
        print(check.__name__, flush=True)
        try:
            check()
        except (AssertionError, Failed) as error:
            failures += 1
            print("  FAILED:", error)
    sys.exit(1 if failures else 0)


main()
