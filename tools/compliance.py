#!/usr/bin/env python3
"""Runs the tests that prove a requirement of RFC 9293, and prints the table of all of them.

A test proves what its name says (TEST(Checksum, MUST_3_and_SHLD_2_text)), or what a comment directly
above it says (`// proves: MUST-3, SHLD-2`); a script that ctest runs says it in a line of its own
(`# proves: MUST-13`). Failed, skipped and disabled tests prove nothing.

Exit 1 when a MUST has no passing proof; when a SHOULD or MAY has neither a proof nor a line in
docs/compliance-notes.tsv that says why not; when any proving test fails; when a proof names an id that
is not in the table, or stands above no test that ctest knows; when the arrows of the state diagram
and the rules of docs/lifecycle.md are not all walked.
"""

import argparse
import collections
import csv
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

ROOT = pathlib.Path(__file__).resolve().parent.parent
IN_NAME = re.compile(r"(?<![A-Za-z0-9])(MUST|SHLD|MAY|REC)_(\d+)(?![0-9])")
PROVES = re.compile(r"^[ \t]*(?://|#)[ \t]*proves:[ \t]*(.*)$", re.MULTILINE)
TEST_MACRO = re.compile(r"(?:(?:TYPED_)?TEST(?:_[FP])?|RC_GTEST(?:_FIXTURE|_TYPED_FIXTURE)?_PROP)\s*\(\s*(\w+)\s*,\s*(\w+)")
COVERAGE = re.compile(r"(\d+) of (\d+) arrows, (\d+) of (\d+) rules")

Requirement = collections.namedtuple("Requirement", "id level section group feature")
Test = collections.namedtuple("Test", "number name command")


def read_table(path):
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    return [Requirement(r["id"], r["level"], r["section"], r["group"], r["feature"]) for r in rows]


def read_notes(path):
    """{id: why it has no proof}. Lines starting with # are comments."""
    if not path.is_file():
        return {}
    lines = [line.rstrip("\n") for line in path.read_text().splitlines()]
    return dict(line.split("\t", 1) for line in lines if "\t" in line and not line.startswith("#"))


def ids_of(text):
    """The ids in `MUST-3, SHLD-2 and MAY_1`."""
    return [f"{kind}-{number}" for kind, number in re.findall(r"\b(MUST|SHLD|MAY|REC)[-_](\d+)\b", text)]


def ids_in_name(name):
    return [f"{kind}-{number}" for kind, number in IN_NAME.findall(name.replace("_and_", " and "))]


def comments_in(path, text, problems):
    """Proofs claimed by comments: [(key, ids)]; the key is Suite.Name, or the script's own path."""
    found = []
    for match in PROVES.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        ids = ids_of(match.group(1))
        if not ids:
            problems.append(f"{path}:{line}: `proves:` names no id")
        elif path.suffix not in (".cpp", ".h"):
            found.append((str(path), ids))
        else:
            rest = re.sub(r"\A(?:[ \t]*//[^\n]*\n|[ \t]*\n)*", "", text[match.end() + 1 :])
            test = TEST_MACRO.match(rest)
            if test:
                found.append((f"{test.group(1)}.{test.group(2)}", ids))
            else:
                problems.append(f"{path}:{line}: `proves:` stands above no test")
    return found


def read_comments(root, problems):
    found = []
    folders = [root / "src", root / "tests"]
    for path in sorted(p for folder in folders for p in folder.rglob("*") if p.is_file()):
        if "house" in path.parts or "__pycache__" in path.parts:
            continue  # the checks' own samples
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        if path.suffix in (".cpp", ".h", ".py", ".sh", ".pkt") or text.startswith("#!"):
            found += comments_in(path, text, problems)
    return found


def read_tests(ctest, folder):
    out = subprocess.run([ctest, "--test-dir", folder, "--show-only=json-v1"], check=True, capture_output=True,
                         text=True, stdin=subprocess.DEVNULL).stdout
    listed = json.loads(out)["tests"]
    return [Test(n, t["name"], tuple(t.get("command", ()))) for n, t in enumerate(listed, start=1)]


def keys_of(name):
    """The Suite.Name that a test goes by in the source: parameters and types stripped."""
    suite, _, test = name.partition(".")
    test = test.split("/")[0]
    return {f"{part}.{test}" for part in suite.split("/")}


def claims(tests, comments, problems):
    """{test: ids that it claims to prove}."""
    found = {test: set(ids_in_name(test.name)) for test in tests}
    for key, ids in comments:
        if key.startswith("/"):
            mine = [t for t in tests if any(os.path.realpath(word) == os.path.realpath(key) for word in t.command
                                            if word.startswith("/"))]
        else:
            mine = [t for t in tests if key in keys_of(t.name)]
        if not mine:
            problems.append(f"{key}: claims {', '.join(ids)}, but ctest does not know it")
        for test in mine:
            found[test] |= set(ids)
    return {test: ids for test, ids in found.items() if ids}


def run(ctest, folder, tests):
    """{name: (status, output)}; status is ctest's: run, fail, notrun, disabled."""
    if not tests:
        return {}
    with tempfile.TemporaryDirectory() as temporary:
        junit = os.path.join(temporary, "results.xml")
        numbers = ",".join(str(t.number) for t in tests)
        subprocess.run([ctest, "--test-dir", folder, "-I", f"0,0,0,{numbers}", "--output-junit", junit, "--timeout", "600",
                        "--test-output-size-passed", "1000000", "--output-on-failure", "-Q", "-j", str(os.cpu_count() or 1)],
                       check=False, stdin=subprocess.DEVNULL)
        cases = xml.etree.ElementTree.parse(junit).getroot().iter("testcase")
        return {c.get("name"): (c.get("status"), c.findtext("system-out") or "") for c in cases}


def proof_name(name):
    """One name for all cases of a parameterised test."""
    suite, dot, test = name.partition(".")
    return f"{suite}{dot}{test.split('/')[0]}" if dot else name


def judge(table, notes, claimed, results, problems):
    """[(requirement, proofs, verdict)]; proofs are (name, cases, all passed)."""
    proofs = collections.defaultdict(lambda: collections.defaultdict(list))
    known = {r.id for r in table}
    for test, ids in claimed.items():
        passed = results.get(test.name, ("notrun", ""))[0] == "run"
        if not passed:
            problems.append(f"{test.name}: {results.get(test.name, ('not run', ''))[0]}")
        for each in sorted(ids):
            if each in known:
                proofs[each][proof_name(test.name)].append(passed)
            else:
                problems.append(f"{test.name}: claims {each}, which the table does not have")
    rows = []
    for requirement in table:
        mine = [(name, len(p), all(p)) for name, p in sorted(proofs[requirement.id].items())]
        rows.append((requirement, mine, verdict(requirement, mine, notes, problems)))
    problems += [f"docs/compliance-notes.tsv: {n} is not in the table" for n in notes if n not in known]
    return rows


def verdict(requirement, mine, notes, problems):
    must = requirement.level.startswith("MUST")
    noted = requirement.id in notes
    if mine:
        if noted:
            problems.append(f"docs/compliance-notes.tsv: {requirement.id} has a proof now; take its line out")
        return "proved" if all(ok for _, _, ok in mine) else "FAILED"
    if noted and not must:
        return "not done"
    problems.append(f"{requirement.id} ({requirement.level}, {requirement.section}): {requirement.feature}: no proof"
                    + ("" if must else ", and no line in docs/compliance-notes.tsv"))
    return "NO PROOF"


def coverage(results, problems):
    """The line that the lifecycle tests print, or None."""
    for status, output in results.values():
        found = COVERAGE.search(output)
        if found and status == "run":
            walked, arrows, kept, rules = map(int, found.groups())
            if (walked, arrows, kept, rules) != (20, 20, 23, 23):
                problems.append(f"lifecycle: {found.group(0)}, not 20 of 20 and 23 of 23")
            return found.group(0)
    problems.append("lifecycle: no passing test with `arrows` in its name prints `20 of 20 arrows, 23 of 23 rules`")
    return None


def proof_text(mine):
    return [name + (f" ({cases} cases)" if cases > 1 else "") + ("" if ok else " FAILED") for name, cases, ok in mine]


def totals(rows):
    found = []
    for level in ("MUST", "MUST NOT", "SHOULD", "SHOULD NOT", "MAY"):
        mine = [v for r, _, v in rows if r.level == level]
        if mine:
            found.append(f"{level} {mine.count('proved')} of {len(mine)}")
    return "proved: " + ", ".join(found)


def print_text(rows, notes, walked):
    width = max(len(r.feature) for r, _, _ in rows)
    for r, mine, result in rows:
        texts = proof_text(mine) or [notes.get(r.id, "-")]
        print(f"{r.id:<8} {r.level:<10} {r.feature:<{width}}  {result:<8} {texts[0]}")
        for text in texts[1:]:
            print(f"{'':<{8 + 1 + 10 + 1 + width + 2 + 8}} {text}")
    print(f"\n{totals(rows)}\nlifecycle: {walked or 'not walked'}")


def markdown(rows, notes, walked):
    def cell(text):
        return text.replace("|", "\\|").replace("_", "\\_")

    lines = ["# RFC 9293, requirement by requirement", "",
             "Made by `./dev compliance --markdown` from the tests that ran; not to be edited by hand.", "",
             f"{totals(rows)}; lifecycle: {walked or 'not walked'}.", "",
             "| id | level | section | requirement | result | proved by |", "|---|---|---|---|---|---|"]
    for r, mine, result in rows:
        texts = proof_text(mine) or [notes.get(r.id, "")]
        lines.append(f"| {r.id} | {r.level} | {r.section} | {cell(r.group)}: {cell(r.feature)} | {result} | "
                     + "<br>".join(cell(t) for t in texts) + " |")
    return "\n".join(lines) + "\n"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--test-dir", required=True, help="the folder that ctest runs in")
    parser.add_argument("--root", type=pathlib.Path, default=ROOT, help="the tree with src/, tests/ and docs/")
    parser.add_argument("--ctest", default="ctest")
    parser.add_argument("--markdown", action="store_true", help="write docs/compliance.md too")
    return parser.parse_args()


def main():
    options = arguments()
    root = options.root.resolve()
    table = read_table(root / "docs/rfc9293-requirements.tsv")
    notes = read_notes(root / "docs/compliance-notes.tsv")
    problems = []
    tests = read_tests(options.ctest, options.test_dir)
    claimed = claims(tests, read_comments(root, problems), problems)
    walkers = [t for t in tests if "arrows" in t.name.lower() and t not in claimed]
    results = run(options.ctest, options.test_dir, list(claimed) + walkers)
    rows = judge(table, notes, claimed, results, problems)
    walked = coverage(results, problems)
    print_text(rows, notes, walked)
    if options.markdown:
        (root / "docs/compliance.md").write_text(markdown(rows, notes, walked))
    if problems:
        print(f"\n{len(problems)} problems:")
    for problem in sorted(set(problems)):
        print(f"  {problem}")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
