#!/usr/bin/env python3
"""clang-tidy over the sources of a build, remembering what was clean.

    tidy.py BUILD_DIR           every source
    tidy.py BUILD_DIR --quick   what changed first, then the core; ends after --budget seconds
    tidy.py BUILD_DIR --under src/tcp tests/model    only what lies in these folders

A source is looked at again only when it, a header of the tree that it includes, or a .clang-tidy
changed. Exit 1 when clang-tidy complains; what the budget left out is said and is no failure.
"""

import argparse
import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*"([^"]+)"', re.MULTILINE)
CORE_FIRST = ("src/tcp", "src/wire", "src/ip", "src/stack", "src/socket", "src/base", "src/dev", "src/observe",
              "src/lab", "src/cli")


def read_sources(build):
    """The tree's own sources that the build compiles."""
    database = json.loads((build / "compile_commands.json").read_text())
    found = {pathlib.Path(entry["file"]) for entry in database}
    return sorted(p for p in found if p.is_relative_to(ROOT) and not p.is_relative_to(build))


def headers_of(path, seen):
    """Adds to `seen` every file of the tree that `path` includes, itself first."""
    if path in seen:
        return seen
    seen.add(path)
    for name in INCLUDE.findall(path.read_text()):
        for candidate in (ROOT / "src" / name, ROOT / "include" / name, ROOT / "tests" / name, path.parent / name):
            if candidate.is_file():
                headers_of(candidate, seen)
                break
    return seen


def key_of(path):
    digest = hashlib.sha256((ROOT / ".clang-tidy").read_bytes())
    for folder in path.relative_to(ROOT).parents:  # a folder's own adds to it
        if folder.name and (ROOT / folder / ".clang-tidy").is_file():
            digest.update((ROOT / folder / ".clang-tidy").read_bytes())
    for file in sorted(headers_of(path, set())):
        digest.update(str(file.relative_to(ROOT)).encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def changed():
    """Paths that differ from the main branch, or from the last commit where there is none."""
    def git(*words):
        done = subprocess.run(["git", "-C", ROOT, *words], capture_output=True, text=True, check=False)
        return done.stdout.split() if done.returncode == 0 else []

    base = git("merge-base", "HEAD", "origin/main") or git("merge-base", "HEAD", "main")
    head = git("rev-parse", "HEAD")
    since = base[0] if base and base != head else "HEAD~1"
    return {ROOT / name for name in git("diff", "--name-only", since)}


def ordered(sources):
    touched = changed()

    def rank(path):
        relative = str(path.relative_to(ROOT))
        floor = next((n for n, f in enumerate(CORE_FIRST) if relative.startswith(f + "/")), len(CORE_FIRST))
        return (path not in touched, not touched & headers_of(path, set()), relative.endswith("_test.cpp"), floor, relative)

    return sorted(sources, key=rank)


def tidy(build, path, memory):
    """(path, clang-tidy's complaint or "")"""
    key = memory / key_of(path)
    if key.exists():
        return path, ""
    done = subprocess.run(["clang-tidy", "-p", build, "--quiet", path], capture_output=True, text=True, check=False, cwd=ROOT)
    if done.returncode == 0:
        key.touch()
        return path, ""
    return path, done.stdout + "\n".join(l for l in done.stderr.splitlines() if "error" in l)


def run(build, sources, budget, jobs):
    """(complaints, how many were not reached)"""
    memory = build.parent / "tidy"
    memory.mkdir(exist_ok=True)
    begin, complaints, left = time.monotonic(), [], 0
    queue = list(sources)
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        running = set()
        while queue or running:
            while queue and len(running) < jobs and time.monotonic() - begin < budget:
                running.add(pool.submit(tidy, build, queue.pop(0), memory))
            if not running:
                left, queue = len(queue), []
                break
            done, running = concurrent.futures.wait(running, return_when=concurrent.futures.FIRST_COMPLETED)
            complaints += [c for c in (d.result() for d in done) if c[1]]
    return complaints, left


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=lambda p: pathlib.Path(p).resolve())
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--budget", type=int, default=150, help="seconds, with --quick")
    parser.add_argument("--under", nargs="+", metavar="FOLDER", help="of the tree")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    sources = ordered(read_sources(options.build))
    if options.under:
        folders = [ROOT / folder for folder in options.under]
        sources = [s for s in sources if any(s.is_relative_to(f) for f in folders)]
    complaints, left = run(options.build, sources, options.budget if options.quick else float("inf"), options.jobs)
    for path, text in complaints:
        print(f"{path.relative_to(ROOT)}:\n{text}")
    print(f"clang-tidy: {len(sources) - left} of {len(sources)} sources looked at, {len(complaints)} with findings"
          + (f"; {left} left out for time (./dev lint looks at all)" if left else ""))
    sys.exit(1 if complaints else 0)


if __name__ == "__main__":
    main()
