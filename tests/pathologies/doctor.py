#!/usr/bin/env python3
"""Ten pathologies and their healthy twins, for real, on Linux's stack and on ours, each with
`estab doctor` beside it: the right cause and the right process, and nothing to say about the twins.

    doctor.py                        all; the table; exit 1 unless 10 of 10 and 0 of 10 on both
    doctor.py linux close_wait       those of which all the words are a part
    doctor.py --look linux flood     only what ss sees, for whoever writes a rule
    doctor.py --text linux flood     the report as people read it
"""
import os
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import cases
import commands
from world import ESTAB, Failed, World

# What would take minutes is told to be old at once; the interval is the time between the looks.
OPTIONS = ["--interval", "2", "--old", "1"]
AT_ONCE = 5


def title(case, system):
    return f"{system} {'sick' if case.sick else 'healthy'} {case.name} {case.what} {case.peer}"


def look(world):
    time.sleep(2.5)
    if world.system == "linux":
        print(world.sh("ss -tanoipemO; nstat -z | grep -v ' 0 '; cat /proc/net/sockstat"))
    else:
        print(world.sh(f"{ESTAB} ss -tanoipemO; {ESTAB} counters -z"))


def options_of(case):
    return OPTIONS + (["--idle", "2"] if case.what == "idle" else [])


def judge(case, world):
    """An empty text when the doctor was right."""
    time.sleep(1.2 if case.name in ("syn_sent", "fin_wait_2", "dead_established") else 0.3)
    if case.name == "fin_unanswered" or case.what == "backoff" and case.sick:
        time.sleep(1.5)  # two retransmissions
    code, answer = world.doctor(*options_of(case))
    found = {finding["id"]: finding for finding in answer["findings"]}
    others = [f for f in answer["findings"] if f["kind"] != case.kind]
    if not case.sick:
        return "" if code == 0 and not found else f"flagged: {sorted(found)}, exit {code}"
    if case.expect not in found:
        return f"not found: {case.expect}, but {sorted(found)}, exit {code}"
    if others:
        return f"other kinds too: {[f['id'] for f in others]}"
    finding = found[case.expect]
    worst = "critical" if any(f["severity"] == "critical" for f in found.values()) else "warning"
    if (worst, code) not in (("warning", 1), ("critical", 2)):
        return f"exit {code} with a {worst} finding"
    if case.name != "settings" and not names_process(finding, case, world):
        return f"the process is not {world.subject.pid}: {finding['processes']}"
    return commands.check(world, answer["findings"])


def names_process(finding, case, world):
    # Nobody owns an orphan, a half-open connection's owner is its listener's, and a refused caller
    # met nobody.
    if case.what == "refused" or finding["id"] in ("fin-wait-2-orphans", "fin-unanswered",
                                                   "fin-zero-window", "time-wait-ports"):
        if world.system == "linux":
            return True
    return any(p["pid"] == world.subject.pid for p in finding["processes"])


def run_one(number, system, mode):
    case = cases.CASES[int(number)]
    world = World(system)
    try:
        world.start(case.name, "sick" if case.sick else "healthy", case.what, case.knobs,
                    case.descriptors)
        case.begin(world, case)
        if mode == "--look":
            look(world)
            return 0
        if mode == "--text":
            time.sleep(2.5)
            print(world.doctor_text(*options_of(case)))
            return 0
        wrong = judge(case, world)
    except (Failed, AssertionError) as why:
        wrong = f"{type(why).__name__} {why}"
    finally:
        world.end()
    print(wrong or "ok")
    return 1 if wrong else 0


def in_namespace(job):
    number, system, mode = job
    done = subprocess.run(
        ["unshare", "--net", "--mount", sys.executable, __file__, "--one", str(number), system, mode],
        capture_output=True, text=True)
    text = (done.stdout + done.stderr).strip()
    case = cases.CASES[number]
    if mode == "judge":
        print(f"{'ok     ' if done.returncode == 0 else 'FAILED '} {title(case, system)}"
              f"{'' if done.returncode == 0 else ': ' + text}", flush=True)
    else:
        print(f"--- {title(case, system)}\n{text}", flush=True)
    return done.returncode


def table(jobs, results):
    """One row a kind; whether everything is as it must be."""
    print(f"\n{'':34}{'Linux':^20}{'estab':^20}\n{'':34}" + f"{'found':>9}{'flagged':>9}  " * 2)
    good = True
    for kind, name in cases.KINDS.items():
        row = f"{kind:2} {name:31}"
        for system in ("linux", "estab"):
            for sick in (True, False):
                mine = [result for (number, where, _), result in zip(jobs, results)
                        if where == system and cases.CASES[number].kind == kind
                        and cases.CASES[number].sick == sick]
                right = sum(result == 0 for result in mine)
                shown = right if sick else len(mine) - right
                good &= right == len(mine)
                row += f"{f'{shown}/{len(mine)}':>9}" if mine else f"{'-':>9}"
            row += "  "
        print(row)
    return good


def main(words):
    if words[:1] == ["--one"]:
        sys.exit(run_one(*words[1:]))
    if os.geteuid() != 0 or subprocess.run(["unshare", "--net", "--mount", "nft", "list", "ruleset"],
                                           capture_output=True).returncode != 0:
        print("SKIPPED: network namespaces and nft are root's")
        sys.exit(77)
    mode = "judge"
    if words and re.match("--(look|text)$", words[0]):
        mode = words.pop(0)
    jobs = [(number, system, mode) for number, case in enumerate(cases.CASES)
            for system in ("linux", "estab")
            if all(word in title(case, system).split() for word in words)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        results = list(pool.map(in_namespace, jobs))
    if mode != "judge":
        sys.exit(0)
    sys.exit(0 if table(jobs, results) else 1)


main(sys.argv[1:])
