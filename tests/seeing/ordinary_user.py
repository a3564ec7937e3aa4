#!/usr/bin/env python3
"""What each verb shows and says to an ordinary user, in a container, and without BPF: it does what can
be done, says in a line what it could not see and how to get it, and never fails for that."""
import os
import resource
import subprocess
import sys
import tempfile
import time

import looks
from looks import SKIP, Failed, Sockets, check, linux, run

NOBODY = 65534
# A python that every user may run: root's own may lie in his home.
PYTHON = "/usr/bin/python3" if os.access("/usr/bin/python3", os.X_OK) else sys.executable
NO_BPF = "again and again"
CAPS = "-bpf,-perfmon,-sys_admin,-sys_ptrace,-net_admin"
# name: (how it is reached, lines before, the user that looks, owners seen, BPF, may kill)
SCENES = {
    "an ordinary user": (["unshare", "--net"], "", NOBODY, "may not be read", False, False),
    "hidepid": (["unshare", "--net", "--mount"], "mount -t proc -o hidepid=2 proc /proc", NOBODY, "no process of this /proc", False, False),
    "a container of root's": (["unshare", "--net", "--pid", "--fork", "--mount-proc"], "", None, None, True, True),
    "a container of a user's": (["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "unshare", "--user", "--map-root-user",
                                 "--net", "--pid", "--fork", "--mount-proc"], "", None, None, False, True),
    "no BTF": (["unshare", "--net", "--mount"], "mount -t tmpfs none /sys/kernel/btf", None, None, False, True),
    "settings may not be written": (["unshare", "--net", "--mount"],
                                    "mount --bind /proc/sys /proc/sys && mount -o remount,ro,bind /proc/sys", None, None, True, True),
    "capabilities dropped": (["unshare", "--net", "sh", "-c", f'ip link set lo up && exec setpriv --bounding-set={CAPS} --inh-caps={CAPS} "$@"', "sh"], "", None, None, False, False),
}


def rows_and_owners(user, not_seen):
    pid = f"pid={os.getpid()}"
    for words in (("ss", "-tanp"), ("netstat", "-tanp"), ("summary", "--by", "process"), ("ss", "-tanp", "--all-namespaces")):
        code, out, err = linux(*words, user=user) if "--all-namespaces" not in words else run(*words, user=user)
        check(code == 0, f"{words}: exit {code}, {err}")
        if words[0] != "summary":
            check(out.replace("_", "-").count("CLOSE-WAIT") >= 1 and str(looks.PORT) in out, f"{words}: {out}")
        if not_seen is None:
            found = {"ss": pid, "netstat": f"{os.getpid()}/", "summary": f"({os.getpid()})"}[words[0]]
            check(found in out, f"{words}: not its owner {pid}: {out}{err}")
        else:
            check(not_seen in err and "root" in err, f"{words}: {err}")
        check("no owner: Linux forgets it; estab trace --keep" in err, f"{words}: of TIME-WAIT: {err}")


def doctor(user, not_seen):
    code, out, err = linux("doctor", "--interval", "0.2", user=user)
    check(code in (0, 1) and "6 connections" in out, f"doctor: exit {code}, {out}{err}")
    if not_seen is not None:
        check("Not seen:" in out and not_seen in " ".join(out.split()), out)


def trace(user, bpf):
    code, _, err = linux("trace", "--seconds", "0.2", user=user)
    check(code == 0 and "0 lost" in err, f"trace: exit {code}, {err}")
    check((NO_BPF in err) != bpf, f"trace: {err}")
    if bpf:
        return
    code, _, err = linux("trace", "--keep", "--seconds", "0.1", user=user)
    check(code == 0 and "nothing is kept" in err, f"trace --keep: {err}")


def values(user):
    code, out, err = linux("tuning", "tcp_fin_timeout", user=user)
    check(code == 0 and "tcp_fin_timeout = " in out, out + err)
    code, out, err = linux("counters", "TcpPassiveOpens", user=user)
    check(code == 0 and " 3 " in out, out + err)
    code, out, err = linux("diagram", "--live", user=user)
    check(code == 0 and "CLOSE-WAIT" in out, err)


def kill(user, may):
    code, out, err = linux("kill", "--dry-run", "state", "close-wait", user=user)
    check(code == 0 and "1 would be aborted" in out, out + err)
    code, out, err = linux("kill", "--yes", "state", "close-wait", user=user)
    check(code == (0 if may else 1), f"kill: exit {code}, {out}{err}")
    check("ended 1" in out if may else "CAP_NET_ADMIN" in err, out + err)


def stacks_of_others():
    with tempfile.TemporaryDirectory() as folder:  # 0700, root's
        for words in (("ss", "-tan"), ("summary",), ("kill", "--dry-run", "state", "all"), ("doctor", "--interval", "0.1")):
            code, out, err = run(*words, "--source", "estab", user=NOBODY, folder=folder)
            check(code == (3 if words[0] == "doctor" else 0) and "other users' stacks" in " ".join((out + err).split()), f"{words}: {code}, {out}{err}")


def scene(name):
    _, before, user, not_seen, bpf, may_kill = SCENES[name]
    if may_kill or user is not None:
        looks.up()
    sockets = Sockets()
    if before:
        subprocess.run(before, shell=True, check=True)
    if bpf:  # so many that BPF is asked for the owners
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        null = os.open("/dev/null", os.O_RDONLY)
        many = [os.dup(null) for _ in range(min(hard // 2, 10000) + 500)]
    rows_and_owners(user, not_seen)
    doctor(user, not_seen)
    if bpf:
        for one in many:
            os.close(one)
    values(user)
    trace(user, bpf and linux("trace", "--seconds", "0.1")[2].count(NO_BPF) == 0)
    if user is not None:
        stacks_of_others()
    kill(user, may_kill)
    sockets.close()


def kept():
    """While a tracer keeps them, TIME-WAIT rows show the process that they had."""
    looks.up()
    early = Sockets()
    code, _, err = linux("trace", "--keep", "--seconds", "0.3")
    check(code == 0, err)
    if NO_BPF in err:
        return print("  no BPF here")
    try:
        late = Sockets(looks.PORT + 1)
        words = ("ss", "-tanpH", "state", "time-wait")
        code, out, err = linux(*words)
        owner = f'"{open("/proc/self/comm", encoding="utf-8").read().strip()}",pid={os.getpid()}'
        rows = {(str(looks.PORT + 1) in line): line for line in out.splitlines()}
        check(len(rows) == 2 and owner in rows[True] and "users" not in rows[False], out)
        check("closed before the tracer began" in err, err)
        code, out, err = linux(*words, f"pid = {os.getpid()}")
        check(out.count("\n") == 1, f"the filter: {out}")
        code, out, _ = run(*words, "--all-namespaces")
        check(owner in out, f"--all-namespaces: {out}")
        code, out, _ = linux("summary", "--by", "process", "state", "time-wait")
        check(f"({os.getpid()})" in out, out)
        os.chmod("/sys/fs/bpf/estab", 0o700)
        code, out, err = linux(*words, user=NOBODY)
        os.chmod("/sys/fs/bpf/estab", 0o755)
        check("read by root alone" in err, err)
        late.close()
    finally:
        code, _, err = run("trace", "--forget")
    check(code == 0, err)
    code, out, err = linux(*words)
    check("users" not in out and "estab trace --keep" in err, out + err)
    early.close()


def main():
    if len(sys.argv) > 1:
        try:
            kept() if sys.argv[1] == "kept" else scene(sys.argv[1])
        except Failed as failure:
            print(f"  {failure}")
            return 1
        return 0
    if os.geteuid() != 0 or subprocess.run(["unshare", "--net", "true"], capture_output=True).returncode:
        print("skipped: needs root and namespaces")
        return SKIP
    run("trace", "--forget")  # what a killed tracer left is nothing of these scenes
    failures = 0
    for name, how in [(name, one[0]) for name, one in SCENES.items()] + [("kept", ["unshare", "--net"])]:
        begin = time.monotonic()
        if subprocess.run([*how, "true"], capture_output=True).returncode:
            print(f"skipped {name}: not permitted here")
            continue
        code = subprocess.run([*how, PYTHON, __file__, name]).returncode
        failures += code != 0
        print(f"{'ok     ' if code == 0 else 'FAILED '} {name} ({time.monotonic() - begin:.1f} s)", flush=True)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
