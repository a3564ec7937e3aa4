#!/usr/bin/env python3
"""`estab ss ARGS` beside iproute2's `ss ARGS`, and `estab netstat ARGS` beside net-tools', for the same
sockets: all states that Linux lists, both families, beside the ten pathologies. Blanks may differ, and what moves between two looks
(clocks), nothing else. As root, with ss and netstat at hand; else it says SKIPPED.

    ss_differential.py            all
    ss_differential.py -v         and each argument list
    ss_differential.py -i         leaves the sockets there and starts a shell beside them
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

ESTAB = os.environ.get("ESTAB") or os.path.join(
    os.path.dirname(os.path.abspath(__file__)), "..", "..", "build", "bin", "estab")

SS = [
    # every option alone, and in the bundles that people type
    "-t", "-ta", "-tl", "-tn", "-tan", "-tln", "-lnt", "-ant", "-tna", "-tano", "-tanp", "-tanpe", "-tane",
    "-tanm", "-tani", "-tanoemi", "-tanoempi", "-tipe", "-tanT", "-tanpT", "-tanO", "-tanOi", "-tanOim", "-tanH",
    "-tanHO -i -m", "-tanr", "-tar", "-4tan", "-6tan", "-tan -4", "-tan -6", "-tan -4 -6", "-tan -6 -4",
    "--tcp --all --numeric", "--tcp --listening --processes --numeric", "--tcp -a --extended --options -n",
    "-tan --memory", "-tan --info --oneline", "-tan --tos", "-tan --cgroup", "-tan --inet-sockopt", "-tanO --inet-sockopt",
    "-tan --tos --cgroup --inet-sockopt -e -i -m -o -p", "-tanb", "-A tcp -an", "-A tcp -n", "-n -A tcp -l", "--query=tcp -an",
    "--socket=tcp -an", "-a -A tcp", "-f inet -A tcp -an", "-f inet6 -tan", "-tan -f inet6", "-tanl", "-tnla", "-tanHe",
    # states
    "-tn state established", "-tan state time-wait", "-tn state TIME-WAIT", "-tn state all", "-tn state connected",
    "-tn state synchronized", "-tn state bucket", "-tn state big", "-tn state syn-sent", "-tn state syn-recv",
    "-tn state fin-wait-1", "-tn state fin-wait-2", "-tn state close-wait", "-tn state last-ack", "-tn state closing",
    "-tn state listening", "-tn state closed", "-tn state unconnected", "-tn state close-wait state last-ack",
    "-tn exclude listening", "-tan exclude time-wait exclude established", "-tn state all exclude bucket",
    "-tno state time-wait", "-tne state fin-wait-2", "-tni state syn-sent", "-tnmi state fin-wait-1",
    # the filter language
    "-tan sport = :8080", "-tan sport = 8080", "-tan sport = :http", "-tan dport eq :7000", "-tan sport == :7000",
    "-tan sport != :7000", "-tan sport ne :7000", "-tan sport neq 7000", "-tan sport > :8080", "-tan sport gt :8080",
    "-tan sport < :8080", "-tan sport lt :8080", "-tan sport >= :8080", "-tan sport ge :8080", "-tan sport geq :8080",
    "-tan dport <= :8080", "-tan dport le :8080", "-tan dport leq :8080", "-tan src 127.0.0.1", "-tan src = 127.0.0.1",
    "-tan dst 10.9.0.0/24", "-tan dst 10.9.0.2:20005", "-tan src 10.9", "-tan src 127.0.0.1:80", "-tan src :8080",
    "-tan src *:8080", "-tan dst [fd09::2]", "-tan src [fd09::1]:7000", "-tan src fd09::/64", "-tan dst [::1]:8080",
    "-tan src inet:127.0.0.0/8", "-tan src inet6::8080", "-tan sport = inet::8080", "-tan dst [::ffff:127.0.0.1]",
    "-tan src 0.0.0.0/0", "-tan src ::/0", "-tan src any", "-tan src localhost", "-tan src 127.0.0.0/255.0.0.0",
    "-tan dev lo", "-tan dev != lo", "-tan dev = 1", "-tane fwmark = 0x2a", "-tane fwmark 0x0a/0x0f", "-tan fwmark != 0",
    "-tan autobound", "-tan not autobound", "-tan ! sport = :7000",
    "-tan sport = :7000 or sport = :8080", "-tan sport = :7000 and dst 10.9.0.2", "-tan sport = :7000 dst 10.9.0.2",
    "-tan sport = :80 or sport = :8080 and dst [::1]", "-tan sport = :8080 and dst [::1] or sport = :80",
    "-tan ( sport = :80 or sport = :8080 ) and dst 127.0.0.1", "-tan sport = :80 or ( sport = :8080 and dst [::1] )",
    "-tan not ( sport = :80 or sport = :8080 )", "-tan ! ( dst 10.9.0.2 ) && ! ( sport = :8080 )",
    "-tan sport = :80 | sport = :8080", "-tan sport = :80 || sport = :8080", "-tan not sport = :80 and not sport = :8080",
    "-tanp state close-wait ( sport = :7000 )", "-tn state established ( dport = :8080 or sport = :8080 )",
    "-4tan src 127.0.0.1", "-6tan sport = :8080", "-tan dst 10.9.0.2/31 sport ge :7000 sport le :7001",
]
SS_ERRORS = [
    "-t state sleeping", "-t sport = :nosuch", "-t dst nosuchhost.invalid", "-t ( sport = :80", "-t sport = :80 )",
    "-t color = red", "-t sport", "-t not", "-t -f pigeon", "-A pigeon", "--nosuch", "-t dev nosuch0", "-t fwmark green",
    "-N nosuchnamespace -t", "-tn state established exclude established", "-F /nonexistent -t",
]
NETSTAT = [
    "-t", "-tn", "-tan", "-tln", "-ltn", "-ant", "-tane", "-tanp", "-tano", "-tanpoe", "-tae", "-ta", "-tl", "-tW", "-tanW",
    "-tan -4", "-tan -6", "-tan --inet", "-tan --inet6", "-tan --wide", "--tcp --all --numeric", "-t --numeric-hosts",
    "-ta --numeric-ports", "-tae --numeric-users", "-tnl", "-tno",
]
MOVES = [
    (re.compile(r"timer:\((\w+),[^,]*,"), r"timer:(\1,#,"),
    (re.compile(r"\b(lastsnd|lastrcv|lastack|busy|rwnd_limited|sndbuf_limited):[0-9.]+(ms)?(\([0-9.]+%\))?"), r"\1:#"),
    (re.compile(r"\b(on|keepalive|timewait|probe) \([0-9.]+/"), r"\1 (#/"),
]


def words(line):
    for pattern, text in MOVES:
        line = pattern.sub(text, line)
    return " ".join(line.split())


def run(program, arguments, environment=None):
    done = subprocess.run([*program, *arguments.split()], capture_output=True, text=True, timeout=60,
                          stdin=subprocess.DEVNULL, env=environment)
    return done.returncode, [words(line) for line in done.stdout.splitlines()], done.stderr


def enter_namespace():
    if os.environ.get("ESTAB_SEEING_INSIDE"):
        return
    for tool in ("ss", "netstat", "ip", "unshare"):
        if shutil.which(tool) is None:
            print(f"SKIPPED: no {tool} here")
            sys.exit(77)
    if os.geteuid() != 0 or subprocess.run(["unshare", "-n", "true"], capture_output=True).returncode != 0:
        print("SKIPPED: only root makes all of these sockets")
        sys.exit(77)
    os.environ["ESTAB_SEEING_INSIDE"] = "1"
    os.execvp("unshare", ["unshare", "--net", "--", sys.executable, *sys.argv])


def differences(theirs, ours):
    missing = [line for line in theirs if line not in ours]
    extra = [line for line in ours if line not in theirs]
    if not missing and not extra:
        return "the order differs" if theirs != ours else ""
    return "\n".join([f"      - {line}" for line in missing[:4]] + [f"      + {line}" for line in extra[:4]])


def same_look(theirs, ours, arguments, environment):
    """Timers run out between two looks: theirs before or after ours must be the same, in one of five tries."""
    for _ in range(5):
        before = run(theirs, arguments)
        mine = run(ours, arguments, environment)
        if mine[0] == before[0] and (mine[1] == before[1] or mine[1] == run(theirs, arguments)[1]):
            return ""
    if mine[0] != before[0]:
        return f"      exit {mine[0]}, theirs {before[0]}: {mine[2].strip()}"
    return differences(before[1], mine[1])


def check_all(environment, verbose):
    failures = 0
    ss = [ESTAB, "ss", "--source", "linux"]
    netstat = [ESTAB, "netstat", "--source", "linux"]
    looks = [(["ss"], ss, arguments) for arguments in SS] + [(["netstat"], netstat, arguments) for arguments in NETSTAT]
    with ThreadPoolExecutor(2) as pool:
        troubles = list(pool.map(lambda look: same_look(*look, environment), looks))
    for (theirs, _, arguments), trouble in zip(looks, troubles):
        failures += bool(trouble)
        if trouble or verbose:
            print(f"{'DIFFERS' if trouble else 'same   '} {theirs[0]} {arguments}\n{trouble}".rstrip(), flush=True)
    for arguments in SS_ERRORS:
        code, _, _ = run(["ss"], arguments)
        mine, out, err = run(ss, arguments, environment)
        good = mine == code and err.count("\n") == 1 and not (code and out)
        failures += not good
        if not good or verbose:
            print(f"{'same   ' if good else 'DIFFERS'} ss {arguments}: exit {mine}, theirs {code}: {err.strip()}", flush=True)
    return failures


def check_pipelines(environment):
    def shell(text):
        return subprocess.run(["sh", "-c", text], capture_output=True, text=True, env=environment).stdout.split()
    pairs = [
        ("ss -tan | awk '{print $1}' | sort | uniq -c | sort -rn", f"{ESTAB} ss -tan | awk '{{print $1}}' | sort | uniq -c | sort -rn"),
        ("netstat -tan | grep TIME_WAIT | wc -l", f"{ESTAB} netstat -an | grep TIME_WAIT | wc -l"),
        ("ss -tan state time-wait | wc -l", f"{ESTAB} ss -tan state time-wait | wc -l"),
        ("netstat -tan | awk '/^tcp/ {print $6}' | sort | uniq -c", f"{ESTAB} netstat -an | awk '/^tcp/ {{print $6}}' | sort | uniq -c"),
    ]
    failures = 0
    for theirs, ours in pairs:
        if shell(theirs) != shell(ours):
            failures += 1
            print(f"DIFFERS {ours}: {shell(ours)}, theirs {shell(theirs)}")
    return failures


def states_present():
    names = {line.split()[0] for line in subprocess.run(["ss", "-tanH"], capture_output=True, text=True).stdout.splitlines()}
    wanted = {"LISTEN", "SYN-SENT", "SYN-RECV", "ESTAB", "FIN-WAIT-1", "FIN-WAIT-2", "CLOSE-WAIT", "CLOSING", "LAST-ACK",
              "TIME-WAIT"}
    return wanted - names


def check_kill(environment):
    """Nothing without a filter; nothing without a yes; then what ss would close, and no more."""
    def ss(*arguments):
        return subprocess.run([ESTAB, "ss", *arguments], capture_output=True, text=True, env=environment, stdin=subprocess.DEVNULL)
    failures = 0
    if ss("-K", "-tan").returncode == 0 or ss("-K", "-tan", "sport", "=", ":7001").returncode == 0:
        print("DIFFERS ss -K closed without a filter or without a yes")
        failures += 1
    before = ss("-tanH", "--source", "linux").stdout.count("\n")
    doomed = ss("-tanH", "--source", "linux", "dport", "=", ":7000").stdout.count("\n")
    closing = ss("-tn", "state", "close-wait", "--source", "linux", "-H").stdout
    done = ss("-K", "--yes", "-tnH", "state", "close-wait")
    left = ss("-tanH", "--source", "linux").stdout.count("\n")
    if done.stdout != closing or not closing or left != before - closing.count("\n"):
        print(f"DIFFERS ss -K --yes state close-wait: {done.stdout!r} {done.stderr!r}, {before} before, {left} after, {doomed}")
        failures += 1
    return failures


def main():
    enter_namespace()
    from menagerie import Menagerie
    from ward import Ward
    patients = Ward()
    animals = Menagerie()
    failures = 0
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "ESTAB_RUNTIME_DIR": folder}
        try:
            absent = [*sorted(states_present()), *patients.absent()]
            if absent:
                print("FAILED  these are not there:", *absent, sep="\n    ")
                failures += 1
            if "-i" in sys.argv:
                subprocess.run([os.environ.get("SHELL", "bash")], env={**environment, "ESTAB": ESTAB})
                return
            failures += check_all(environment, "-v" in sys.argv)
            failures += check_pipelines(environment)
            failures += check_kill(environment)
        finally:
            animals.close()
            patients.close()
    print(f"{len(SS)} argument lists of ss, {len(SS_ERRORS)} wrong ones, {len(NETSTAT)} of netstat: {failures} differ")
    sys.stdout.flush()
    os._exit(1 if failures else 0)


main()
