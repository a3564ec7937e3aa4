#!/usr/bin/env python3
"""estab doctor's exit status, --watch, what an ordinary user is told, and names that would drive a
terminal."""
import json
import os
import pwd
import shutil
import subprocess
import sys
import time

import cases
from world import ESTAB, World

FAST = ["--interval", "0.5", "--old", "0.4"]


HOSTILE = "\x1b[2J\"\\,\n"  # would clear the screen and break JSON


def sick_world():
    case = next(c for c in cases.CASES if c.name == "close_wait" and c.what == "drained")
    world = World("linux")
    world.program = shutil.copy(world.program, os.path.join(world.folder, HOSTILE))
    world.start(case.name, "sick", case.what, case.knobs)
    case.begin(world, case)
    time.sleep(0.5)
    return world


def run(world, *words, **options):
    return subprocess.run([ESTAB, "doctor", *words], capture_output=True, text=True, timeout=60,
                          env=world.environment, **options)


def exit_status(world):
    done = run(world, *FAST, "--source", "linux")
    assert done.returncode == 2, done
    long = [l for l in done.stdout.splitlines() if len(l) > 80]
    assert not long, long
    done = run(world, "--source", "estab", "--interval", "0.2")
    assert done.returncode == 3 and "no stack is running" in done.stdout, done
    done = run(world, "--stack", "nobody", "--interval", "0.2")
    assert done.returncode == 3 and "nobody" in done.stdout, done
    done = run(world, "--interval", "soon")
    assert done.returncode == 2 and not done.stdout and done.stderr.count("\n") == 1, done


def hostile_names(world):
    text = run(world, *FAST, "--source", "linux").stdout
    assert "\x1b" not in text and "\\x1b[2J" in text, text
    answer = json.loads(run(world, *FAST, "--source", "linux", "--json").stdout)
    assert answer["findings"][0]["processes"][0]["command"] == HOSTILE, answer


def as_ordinary_user(world):
    nobody = pwd.getpwnam("nobody")
    os.chmod(world.folder, 0o711)
    done = run(world, *FAST, "--source", "linux", "--json", user=nobody.pw_uid,
               group=nobody.pw_gid, extra_groups=[])
    answer = json.loads(done.stdout)
    found = [f["id"] for f in answer["findings"]]
    assert "close-wait-leak" in found, answer
    assert answer["not_seen"], "an ordinary user is not told what was not seen"
    print("      not seen:", answer["not_seen"])


def watching(world):
    """Finds it, is told when it is gone, and ends by SIGINT with the last status."""
    child = subprocess.Popen([ESTAB, "doctor", *FAST, "--source", "linux", "--watch"],
                             stdout=subprocess.PIPE, env=world.environment)
    os.set_blocking(child.stdout.fileno(), False)
    text = ""

    def until(words):
        nonlocal text
        end = time.monotonic() + 20
        while words not in text:
            assert time.monotonic() < end, f"{words} not in: {text}"
            text += (child.stdout.read() or b"").decode()
            time.sleep(0.05)
    until("does not close")
    first = text.count("does not close")
    time.sleep(1.5)
    world.subject.end()
    until("Gone: ")
    assert text.count("does not close") == first + 1, text
    child.send_signal(2)
    assert child.wait(10) in (0, 1), child.returncode  # 1: the clients still call, nobody listens


def main():
    if os.environ.get("ESTAB_MANNERS_INSIDE") is None:
        if os.geteuid() != 0:
            print("SKIPPED: network namespaces are root's")
            sys.exit(77)
        os.environ["ESTAB_MANNERS_INSIDE"] = "1"
        os.execvp("unshare", ["unshare", "--net", "--mount", sys.executable, *sys.argv])
    world = sick_world()
    try:
        for test in (exit_status, hostile_names, as_ordinary_user, watching):
            test(world)
            print(f"ok      {test.__name__}", flush=True)
    finally:
        world.end()


main()
