#!/usr/bin/env python3
"""estab beside Linux's TCP: each segment kind, in each state, at each place against the window.

    beside.py --estab PROGRAM             estab's answers against the committed pages; Linux's as committed
    beside.py --estab PROGRAM --linux     Linux is asked too, in a network namespace; 77: none to be had
    beside.py --estab PROGRAM --write     asks both, and writes linux.tsv, docs/beside-linux.md and the drawn
                                          part of docs/differences.md

Exit 1 when a page is not what it should be, or a difference has no reason in reasons.tsv. A kernel other
than the one of linux.tsv may answer otherwise, as long as each difference has its reason.
"""
import argparse
import difflib
import os
import subprocess
import sys

import tables
from cases import STATES, Case, after, all_cases, answer_text, reach
from estab_host import EstabHost
from linux_host import LinuxHost

ANSWER = 0.1  # seconds in which an answer comes, a delayed ACK too
TIME_WAIT = 60.0


class Restless(Exception):
    """A timer spoke while we listened: the machine was too slow, the batch has to be done again."""


def bring_into_state(host, batch):
    scripts = [(case, reach(case, host)) for case in batch]
    while scripts:
        going = []
        for case, script in scripts:
            count = next(script, None)
            if count is not None:
                going.append((case, script, count))
        for case, _, count in going:
            host.wait(case, count)
        scripts = [(case, script) for case, script, _ in going]


def check_states(batch, states):
    for case in batch:
        got = after(case, states.get(case.port, (None, 0))[0])
        if got != case.state:
            raise Restless(f"a connection that should be in {case.state} is in {got}: {case.heard}")


def observe(host, batch):
    """{(state, kind, place): (answer, next state)}; control connections have to stay silent."""
    host.begin(batch)
    bring_into_state(host, batch)
    # In TIME-WAIT long enough to see a timer that was started anew.
    host.pause(0.5 if batch[0].base == "TIME-WAIT" else 0.02)
    check_states(batch, host.states())
    before = {}
    for case in batch:
        injected = case.injection() if case.kind else None
        before[case.port] = len(case.heard), injected, (case.snd_nxt, case.rcv_nxt)
    for _, injected, _ in before.values():
        if injected:
            host.send(injected)
    host.pause(ANSWER)
    states = host.states()
    return {(c.state, c.kind, c.place): verdict(c, before[c.port], states.get(c.port, (None, 0)))
            for c in batch if c.kind or undisturbed(c, before[c.port], states)}


def undisturbed(control, before, states):
    said = control.heard[before[0]:]
    to = after(control, states.get(control.port, (None, 0))[0])
    if said or to != control.state:
        raise Restless(f"nobody asked, and in {control.state} it said {said} and is in {to}")
    return False


def verdict(case, before, now):
    count, injected, numbers = before
    state, left = now
    to = after(case, state)
    if case.base == "TIME-WAIT" and to == case.state and left > TIME_WAIT - 0.3:
        to = "TIME-WAIT anew"
    said = [answer_text(case, injected, s, numbers) for s in case.heard[count:]]
    return " then ".join(said) or "-", to


def half(host, batches):
    found, why = {}, None
    for batch in batches:
        for _ in range(5):
            try:
                found.update(observe(host, [Case(c.state, c.kind, c.place) for c in batch]))
                break
            except Restless as restless:
                why = restless
        else:
            sys.exit(f"beside.py: {why}, five times")
    return found


def ask_estab(program):
    return half(EstabHost(program), [[case] for case in all_cases()])


def ask_linux():
    batches = [[c for c in all_cases() if c.state == state] + [Case(state, "", "")] for state in STATES]
    return half(LinuxHost(), batches)


def enter_namespace():
    """As root or not: without root the namespace is a user's own."""
    if os.environ.get("ESTAB_BESIDE_INSIDE"):
        return
    os.environ["ESTAB_BESIDE_INSIDE"] = "1"
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    if subprocess.run(["unshare", *user, "--net", "true"], capture_output=True).returncode != 0:
        print("SKIPPED: this system lets only root make network namespaces")
        sys.exit(77)
    os.execvp("unshare", ["unshare", *user, "--net", "--", sys.executable, *sys.argv])


def kernel_now():
    return ".".join(os.uname().release.split(".")[:2])


def compare(want):
    """Lines that differ, each with its page."""
    wrong = []
    for path, text in want.items():
        old = path.read_text().splitlines() if path.exists() else []
        lines = difflib.unified_diff(old, text.splitlines(), path.name, "as it should be", lineterm="", n=0)
        wrong += list(lines)[:20]
    return wrong


def live_linux(kernel, committed):
    """Linux's answers of this hour, and what is wrong with them."""
    live = ask_linux()
    changed = [f"Linux {kernel_now()}, {k[1]} in {k[0]} at {k[2]}: {' => '.join(live[k])}, "
               f"linux.tsv has {' => '.join(committed[k])}" for k in live if live[k] != committed[k]]
    if kernel_now() == kernel:
        return live, changed
    print(f"linux.tsv is of Linux {kernel}, this is {kernel_now()}: {len(changed)} answers are other ones")
    return live, []


def self_test():
    """The comparison notices what it is there for."""
    kernel, linux = tables.read_linux()
    key = ("ESTABLISHED", "ACK", "left edge")
    estab = {**linux, key: ("RST", "CLOSED")}
    line = "\t".join(["one", "ESTABLISHED", "*", "left edge", "RST => *", "- => *", "{}", "because"])

    def wrong(ours, *cited):
        return tables.explain(ours, linux, [tables.Reason(line.format(rfc)) for rfc in cited])[1]

    assert wrong(estab, "RFC 9293 3.10.7.4") == []
    assert "no reason" in wrong(estab)[0]
    assert "explains nothing" in wrong(linux, "RFC 9293 3.10.7.4")[0]
    assert "explains nothing" in wrong(estab, "RFC 9293 3.10.7.4", "RFC 9293 3.10.7.4")[0]
    assert "cites no RFC" in wrong(estab, "it is so")[0]
    page = tables.matrix_text(kernel, estab, linux, {key: 0})
    assert "RST → CLOSED; **nothing** [1]" in page
    assert compare({tables.MATRIX: page}) and not compare({tables.MATRIX: tables.MATRIX.read_text()})
    print("beside.py notices a difference without a reason, a reason without a difference, and another page")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--estab", metavar="PROGRAM", help="beside_estab_host, as built")
    parser.add_argument("--linux", action="store_true", help="ask Linux too")
    parser.add_argument("--write", action="store_true", help="write what would be compared")
    parser.add_argument("--self-test", action="store_true", help="see that the comparison notices things")
    options = parser.parse_args()
    if options.self_test:
        return self_test()
    if not options.estab:
        parser.error("expected --estab PROGRAM")
    if options.linux or options.write:
        enter_namespace()
    estab, wrong = ask_estab(options.estab), []
    if options.write:
        tables.LINUX_TSV.write_text(tables.linux_text(kernel_now(), ask_linux()))
    kernel, linux = tables.read_linux()
    reasons = tables.read_reasons()
    if options.linux:
        live, wrong = live_linux(kernel, linux)
        wrong += [w for w in tables.explain(estab, live, tables.read_reasons())[1] if w.startswith("no reason")]
    found, unexplained = tables.explain(estab, linux, reasons)
    want = tables.pages(kernel, estab, linux, found, reasons)
    if options.write:
        for path, text in want.items():
            path.write_text(text)
    wrong += unexplained + compare(want)
    print("\n".join(wrong) or f"{len(estab)} segments, {len(found)} differences, each with its reason")
    return sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
