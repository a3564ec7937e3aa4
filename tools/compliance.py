#!/usr/bin/env python3
"""Runs the tests that prove a requirement of RFC 9293 or of the RFCs around it, and prints the table of
all of them: docs/rfc9293-requirements.tsv has the ids of that RFC, docs/requirements.tsv ours for those
that number nothing (RFC7323-3.2-1: RFC, section, count within it).

A test proves what its name says (TEST(Checksum, MUST_3_and_SHLD_2_text), RFC7323_3_2_1_text), or what a
comment directly above it says (`// proves: MUST-3, RFC7323-3.2-1`); a script that ctest runs says it in a
line of its own (`# proves: MUST-13`), a packet script too (`// proves: MUST-13` in a .pkt). Failed,
skipped and disabled tests prove nothing.

Exit 1 when a MUST has no passing proof, unless its remark in docs/requirements.tsv begins with `does not
apply:` or `not built:`; when a SHOULD or MAY has neither a proof nor a line in docs/compliance-notes.tsv
that says why not; when any proving test fails; when a proof names an id that is not in the tables, or
stands above no test that ctest knows; when the arrows of the state diagram and the rules of
docs/lifecycle.md are not all walked.
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
OURS_IN_NAME = re.compile(r"(?<![A-Za-z0-9])RFC(\d+)((?:_\d+)+)_(\d+)(?![0-9])")
IN_NAME = re.compile(r"(?<![A-Za-z0-9])(MUST|SHLD|MAY|REC)_(\d+)(?![0-9])")
PROVES = re.compile(r"^[ \t]*(?://|#)[ \t]*proves:[ \t]*(.*)$", re.MULTILINE)
TEST_MACRO = re.compile(r"(?:(?:TYPED_)?TEST(?:_[FP])?|RC_GTEST(?:_FIXTURE|_TYPED_FIXTURE)?_PROP)\s*\(\s*(\w+)\s*,\s*(\w+)")
COVERAGE = re.compile(r"(\d+) of (\d+) arrows, (\d+) of (\d+) rules")

EXCUSE = re.compile(r"(does not apply|not built): ")
TITLES = {
    "9293": "Transmission Control Protocol",
    "7323": "TCP Extensions for High Performance",
    "5961": "Improving TCP's Robustness to Blind In-Window Attacks",
    "6191": "Reducing the TIME-WAIT State Using TCP Timestamps",
    "6528": "Defending against Sequence Number Attacks",
    "6298": "Computing TCP's Retransmission Timer",
    "2018": "TCP Selective Acknowledgment Options",
    "4987": "TCP SYN Flooding Attacks and Common Mitigations",
    "5681": "TCP Congestion Control",
    "8201": "Path MTU Discovery for IP version 6",
    "5482": "TCP User Timeout Option",
    "6093": "On the Implementation of the TCP Urgent Mechanism",
}

Requirement = collections.namedtuple("Requirement", "id level section feature remark")
Test = collections.namedtuple("Test", "number name command")


def read_table(path):
    if not path.is_file():
        return []
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    return [Requirement(r["id"], r["level"], r["section"],
                        f"{r['group']}: {r['feature']}" if r.get("group") else r["feature"], r.get("remark") or "")
            for r in rows]


def rfc_of(requirement):
    found = re.match(r"RFC(\d+)-", requirement.id)
    return found.group(1) if found else "9293"


def read_notes(path):
    """{id: why it has no proof}. Lines starting with # are comments."""
    if not path.is_file():
        return {}
    lines = [line.rstrip("\n") for line in path.read_text().splitlines()]
    return dict(line.split("\t", 1) for line in lines if "\t" in line and not line.startswith("#"))


def ids_of(text):
    """The ids in `MUST-3, SHLD-2 and MAY_1, RFC7323-3.2-1`."""
    ours = re.findall(r"\bRFC\d+-[0-9A-Z.]+-\d+\b", text)
    return ours + [f"{kind}-{number}" for kind, number in re.findall(r"\b(MUST|SHLD|MAY|REC)[-_](\d+)\b", text)]


def ids_in_name(name):
    name = name.replace("_and_", " and ")
    ours = [f"RFC{rfc}-{section[1:].replace('_', '.')}-{n}" for rfc, section, n in OURS_IN_NAME.findall(name)]
    return ours + [f"{kind}-{number}" for kind, number in IN_NAME.findall(name)]


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


def runs_file(test, key):
    """Does this test's command name the file?"""
    return any(os.path.realpath(word) == os.path.realpath(key) for word in test.command if word.startswith("/"))


def claims(tests, comments, problems):
    """{test: ids that it claims to prove}."""
    found = {test: set(ids_in_name(test.name)) for test in tests}
    for key, ids in comments:
        if key.startswith("/"):
            mine = [t for t in tests if runs_file(t, key)]
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
        if EXCUSE.match(requirement.remark):
            problems.append(f"docs/requirements.tsv: {requirement.id} has a proof now; take its excuse out")
        return "proved" if all(ok for _, _, ok in mine) else "FAILED"
    if noted and not must:
        return "not done"
    excuse = EXCUSE.match(requirement.remark)
    if excuse:
        return excuse.group(1)
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


def by_rfc(rows):
    """[(RFC, its rows)], RFC 9293 first, then as the table has them."""
    found = collections.OrderedDict()
    for row in rows:
        found.setdefault(rfc_of(row[0]), []).append(row)
    return list(found.items())


LEVELS = ("MUST", "MUST NOT", "SHOULD", "SHOULD NOT", "MAY")


def share(rows, level):
    """`3 of 4` proved; those that do not apply are not counted; '' when there are none."""
    mine = [v for r, _, v in rows if r.level == level and v != "does not apply"]
    return f"{mine.count('proved')} of {len(mine)}" if mine else ""


def totals(rows):
    return "proved: " + ", ".join(f"{level} {share(rows, level)}" for level in LEVELS if share(rows, level))


def words_of(row, notes):
    """What stands beside a row: its proofs or why there are none, and its remark."""
    requirement, mine, _ = row
    words = proof_text(mine) or ([notes[requirement.id]] if requirement.id in notes else [])
    return words + ([requirement.remark] if requirement.remark else [])


def print_text(rows, notes, walked):
    wide, width = max(len(r.id) for r, _, _ in rows), max(len(r.feature) for r, _, _ in rows)
    for rfc, mine in by_rfc(rows):
        print(f"RFC {rfc}")
        for row in mine:
            r, _, result = row
            texts = words_of(row, notes) or ["-"]
            print(f"{r.id:<{wide}} {r.level:<10} {r.feature:<{width}}  {result:<8} {texts[0]}")
            for text in texts[1:]:
                print(f"{'':<{wide + 1 + 10 + 1 + width + 2 + 8}} {text}")
    print()
    for rfc, mine in by_rfc(rows):
        print(f"RFC {rfc} {totals(mine)}")
    print(f"lifecycle: {walked or 'not walked'}")


def cell(text):
    return text.replace("|", "\\|").replace("_", "\\_")


def section(rfc, rows, notes):
    lines = ["", f"## RFC {rfc}: {TITLES.get(rfc, '')}", "", totals(rows) + ".", "",
             "| id | level | section | requirement | result | proved by |", "|---|---|---|---|---|---|"]
    for row in rows:
        r, _, result = row
        lines.append(f"| {r.id} | {r.level} | {r.section} | {cell(r.feature)} | {result} | "
                     + "<br>".join(cell(t) for t in words_of(row, notes)) + " |")
    return lines


def markdown(rows, notes, walked):
    lines = ["# The RFCs, requirement by requirement", "",
             "Made by `./dev compliance --markdown` from the tests that ran; not to be edited by hand. RFC 9293 numbers its",
             "requirements itself; the ids of the others are ours: RFC, section, count within it. RFC 4987 and 8201 write no",
             "capitals: what they advise is listed as SHOULD, and 8201's `must` as MUST.", "",
             f"Lifecycle: {walked or 'not walked'}.", "",
             "| RFC | " + " | ".join(LEVELS) + " |", "|---|" + "---|" * len(LEVELS)]
    for rfc, mine in by_rfc(rows):
        lines.append(f"| {rfc} | " + " | ".join(share(mine, level) for level in LEVELS) + " |")
    for rfc, mine in by_rfc(rows):
        lines += section(rfc, mine, notes)
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
    table = read_table(root / "docs/rfc9293-requirements.tsv") + read_table(root / "docs/requirements.tsv")
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
