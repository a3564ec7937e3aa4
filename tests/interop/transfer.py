#!/usr/bin/env python3
"""Real curl moves files each way, whole, on clean and on bad paths, over IPv4 and IPv6.

ESTAB_INTEROP_BYTES and ESTAB_INTEROP_FAULT_BYTES set the sizes (1 GB and 100 MB are the long run)."""
import hashlib
import os
import subprocess

from bench_of_two import OURS, OURS6, check, run_tests

CLEAN = int(os.environ.get("ESTAB_INTEROP_BYTES", 100_000_000))
FAULTY = int(os.environ.get("ESTAB_INTEROP_FAULT_BYTES", 2_000_000))
FAULTS = "loss=2%,delay=20ms,jitter=5ms,reorder=5%,duplicate=1%"


def make_file(path, size):
    digest = hashlib.sha256()
    with open(path, "wb") as f:
        while size > 0:
            block = os.urandom(min(size, 1 << 20))
            digest.update(block)
            f.write(block)
            size -= len(block)
    return digest.hexdigest()


def hash_of(path):
    digest = hashlib.sha256()
    with open(path, "rb") as f:
        while block := f.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def each_way(world, host, size, *arguments):
    root = os.path.join(world.folder, "root")
    os.makedirs(root)
    there = os.path.join(root, "file")
    want = make_file(there, size)
    child = world.serve("--http", root, "--upload", *arguments, port=80)
    here = os.path.join(world.folder, "here")
    for line in (["-o", here, f"http://{host}/file"], ["-T", here, f"http://{host}/back"]):
        done = subprocess.run(["curl", "-sS", "-g", "--fail", "-m", "1500", *line],
                              capture_output=True, text=True)
        check(done.returncode == 0, f"curl {' '.join(line)}: {done.stderr.strip()}")
    check(hash_of(here) == want, "what curl fetched has another hash")
    check(hash_of(os.path.join(root, "back")) == want, "what curl sent has another hash")
    check(world.stop(child) == 0, "the server ends with 0")


run_tests({
    "clean_v4": lambda w: each_way(w, OURS, CLEAN),
    "clean_v6": lambda w: each_way(w, f"[{OURS6}]", CLEAN),
    "faults_v4": lambda w: each_way(w, OURS, FAULTY, "--faults", FAULTS),
    "faults_v6": lambda w: each_way(w, f"[{OURS6}]", FAULTY, "--faults", FAULTS),
})
