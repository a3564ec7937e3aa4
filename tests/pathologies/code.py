#!/usr/bin/env python3
"""While `estab doctor --watch` watches, a leak is reported with the functions that accepted the
connections and read them last."""
import json
import os
import subprocess
import sys

import cases
from world import ESTAB, World

LOOKS = 40  # of half a second each: until the leak is old enough to be one


def leak_with_code(watcher):
    for _ in range(LOOKS):
        line = watcher.stdout.readline()
        assert line, "the watch ended"
        for finding in json.loads(line)["findings"]:
            if finding["id"] == "close-wait-leak" and finding["code"]:
                return finding
    raise AssertionError("no finding names the code")


def main():
    if os.environ.get("ESTAB_CODE_INSIDE") is None:
        if os.geteuid() != 0:
            print("SKIPPED: network namespaces and BPF are root's")
            sys.exit(77)
        os.environ["ESTAB_CODE_INSIDE"] = "1"
        os.execvp("unshare", ["unshare", "--net", "--mount", sys.executable, *sys.argv])
    case = next(c for c in cases.CASES if c.name == "close_wait" and c.what == "drained")
    world = World("linux")
    watcher = subprocess.Popen([ESTAB, "doctor", "--watch", "--json", "--source", "linux",
                                "--interval", "0.5", "--old", "0.4"], text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               env=world.environment)
    try:
        watcher.stdout.readline()  # it watches from here on
        world.start(case.name, "sick", case.what, case.knobs)
        case.begin(world, case)
        where = leak_with_code(watcher)["code"][0]["where"]
        print(where)
        for name in ("accept_one", "close_wait", "main.cpp", "close_wait.cpp"):
            assert name in where, f"{name} is not named in: {where}"
        assert "last read by" in where, where
    except AssertionError:
        watcher.kill()
        said = watcher.stderr.read()
        if "cannot tell which code" in said:
            print("SKIPPED:", said.strip())
            sys.exit(77)
        raise
    finally:
        watcher.kill()
        watcher.wait()
        world.end()


main()
