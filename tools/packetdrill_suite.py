#!/usr/bin/env python3
"""Runs a folder of packetdrill scripts by the genuine packetdrill on our stack, and prints the table.

    tools/packetdrill_suite.py --packetdrill DIR/packetdrill DIR/gtests/net/tcp
    tools/packetdrill_suite.py --packetdrill ... --mode ipv6 --filter 'close|shutdown' -v DIR
    tools/packetdrill_suite.py --packetdrill ... --markdown DIR          all three modes, as a page has it

packetdrill (GPL-2) is not part of this project: get https://github.com/google/packetdrill, then
./configure && make in gtests/net/packetdrill. libestab-packetdrill.so is in build/lib after ./dev build.
Each script has a network namespace of its own with a device tun0, because what scripts do with sysctl
and tc is done there; so this needs root, or `unshare -Urn` to be allowed.

A script whose subject estab does not have yet, or that is about something else than TCP, is counted
apart when it fails, with the reason: tools/packetdrill_suite.tsv. Exit 1: another one failed.
"""

import argparse
import collections
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
ADDRESSES4 = ["--local_ip=192.168.0.1", "--gateway_ip=192.168.1.1", "--netmask_ip=255.255.0.0", "--remote_ip=192.0.2.1"]
ADDRESSES6 = ["--mtu=1520", "--local_ip=fd3d:0a0b:17d6::1", "--gateway_ip=fd3d:0a0b:17d6:8888::1",
              "--remote_ip=fd3d:fa7b:d17d::1"]
MODES = {"ipv4": (1500, ADDRESSES4 + ["-D", "CMSG_LEVEL_IP=SOL_IP", "-D", "CMSG_TYPE_RECVERR=IP_RECVERR"]),
         "ipv6": (1520, ADDRESSES6 + ["-D", "CMSG_LEVEL_IP=SOL_IPV6", "-D", "CMSG_TYPE_RECVERR=IPV6_RECVERR"]),
         "ipv4-mapped-ipv6": (1500, ADDRESSES4 + ["-D", "CMSG_LEVEL_IP=SOL_IPV6", "-D",
                                                  "CMSG_TYPE_RECVERR=IPV6_RECVERR"])}
# Where our default is another than Linux's and no sysctl of Linux's sets it: its HyStart has no second chance.
AS_LINUX = "tcp_hystart_css_rounds=0"
Verdict = collections.namedtuple("Verdict", "kind why")  # passed, failed, to come, not applicable


def read_reasons(path):
    """[(pattern, kind, why)] of the lines `pattern<TAB>kind<TAB>why`; # begins a comment."""
    lines = [line.split("\t") for line in path.read_text().splitlines() if line and not line.startswith("#")]
    for line in lines:
        if len(line) != 3 or line[1] not in ("to come", "not applicable"):
            sys.exit(f"{path}: expected PATTERN, a tab, 'to come' or 'not applicable', a tab, why; got {line}")
    return [(re.compile(pattern), kind, why) for pattern, kind, why in lines]


def run_one(options, mode, script):
    mtu, arguments = MODES[mode]
    tool = [str(options.packetdrill.resolve()), f"--so_filename={options.so}", f"--so_flags=mtu={mtu},{AS_LINUX}",
            f"--ip_version={mode}", *arguments, script.name]
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    command = ["unshare", *user, "--net", "sh", "-c",
               'ip link set lo up; ip tuntap add dev tun0 mode tun && ip link set tun0 up; exec "$@"', "sh", *tool]
    # Preloaded too, so that scripts that assert tcp_info find it (src/lab/packetdrill_so/preload.cpp).
    environment = dict(os.environ, LD_PRELOAD=str(options.so))
    try:
        done = subprocess.run(command, cwd=script.parent, env=environment, stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
    except subprocess.TimeoutExpired:
        return False, "it did not end within a minute"
    return done.returncode == 0, done.stdout.strip()


def first_line(text):
    lines = [line for line in text.splitlines() if re.match(r"[\w.-]+\.pkt:", line)]
    return lines[0] if lines else (text.splitlines() or ["no output"])[-1]


def judge(options, reasons, mode, script):
    fine, output = run_one(options, mode, script)
    if fine:
        return Verdict("passed", "")
    name = str(script.relative_to(options.folder))
    for pattern, kind, why in reasons:
        if pattern.search(name):
            return Verdict(kind, why)
    return Verdict("failed", output if options.verbose else first_line(output))


def for_mode(script, mode):
    family = re.search(r"-v([46])\.pkt$", script.name)
    return not family or (family[1] == "6") == (mode == "ipv6")


def table(results):
    kinds = ["passed", "failed", "to come", "not applicable"]
    rows = collections.defaultdict(collections.Counter)
    for name, verdict in results:
        rows[str(pathlib.Path(name).parent)][verdict.kind] += 1
        rows["all"][verdict.kind] += 1
    names = sorted(name for name in rows if name != "all") + ["all"]
    lines = ["| directory | " + " | ".join(kinds) + " |", "|---|" + "---|" * len(kinds)]
    return lines + [f"| {name} | " + " | ".join(str(rows[name][k]) for k in kinds) + " |" for name in names]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--packetdrill", type=pathlib.Path, required=True, help="the genuine one, built")
    parser.add_argument("--so", type=pathlib.Path, default=ROOT / "build/lib/libestab-packetdrill.so")
    parser.add_argument("--mode", choices=MODES, default="ipv4")
    parser.add_argument("--filter", default="", help="only scripts whose path has this regular expression")
    parser.add_argument("--markdown", action="store_true", help="all modes, as in docs/packetdrill-suite.md")
    parser.add_argument("-v", "--verbose", action="store_true", help="all that packetdrill says of a failure")
    parser.add_argument("folder", type=pathlib.Path, help="where the scripts are")
    options = parser.parse_args()
    options.so = options.so.resolve()
    for path in (options.packetdrill, options.so, options.folder):
        if not path.exists():
            sys.exit(f"packetdrill_suite.py: {path}: there is no such file; see --help")
    reasons = read_reasons(ROOT / "tools/packetdrill_suite.tsv")
    scripts = [s for s in sorted(options.folder.rglob("*.pkt")) if re.search(options.filter, str(s))]
    failed = 0
    for mode in MODES if options.markdown else [options.mode]:
        chosen = [s for s in scripts if for_mode(s, mode)]
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            verdicts = list(pool.map(lambda s: judge(options, reasons, mode, s), chosen))
        results = [(str(s.relative_to(options.folder)), v) for s, v in zip(chosen, verdicts)]
        print(f"## {mode}\n")
        print("\n".join(table(results)))
        print()
        for name, verdict in results:
            if verdict.kind != "passed":
                print(f"- `{name}`: {verdict.kind}: {verdict.why}")
        print()
        failed += sum(v.kind == "failed" for v in verdicts)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
