#!/usr/bin/env python3
"""docs/security.md is the table of the 34 attacks: each row names tests that there are and counters
that there are; each defence of src/base/defence.h is in a row, is asked about in the code, and has a
test that takes it away.

    attacks.py              check; exit 1 with one line a finding
    attacks.py --self-test  feed the check with tables that lack something
"""

import json
import re

import source

ATTACKS = 34
COLUMNS = ["#", "attack", "defence", "limit", "counter", "test"]
TABLE = "docs/security.md"
DEFENCES = "src/base/defence.h"
COUNTERS = "include/estab/counters.h"


def rows(text):
    """The table's cells, row by row."""
    for line in text.splitlines():
        cells = [c.strip() for c in line.strip().strip("|").split("|")]
        if line.startswith("|") and re.fullmatch(r"\d+", cells[0]):
            yield cells


def names(pattern, root, paths):
    return {n for p in paths if (root / p).exists() for n in re.findall(pattern, (root / p).read_text())}


def mounted(root):
    """Test -> the defence that it takes away, or None."""
    tests = {}
    for file in source.files(root, ("tests/attacks",), source.CPP):
        text = source.blank(file.read_text())
        for family, name, defence in re.findall(r"^ATTACK\(\s*(\w+),\s*(\w+),\s*(\w+)\)", text, re.M):
            tests[f"{family}.{name}"] = defence
        for family, name in re.findall(r"^TEST(?:_\w+)?\(\s*(\w+),\s*(\w+)\)", text, re.M):
            tests[f"{family}.{name}"] = None
    return tests


def check_row(cells, known, tests, counters):
    if len(cells) != len(COLUMNS) or not all(cells):
        return [f"has not the six columns: {', '.join(COLUMNS)}"]
    number, _, defence, _, counter, test = cells
    found = []
    here = re.findall(r"\w+\.\w+", test)
    if not here:
        found.append("names no test")
    found += [f"no such test: {t}" for t in here if t not in tests]
    found += [f"{t} is another row's" for t in here if f".a{int(number):02}_" not in t]
    taken = {tests.get(t) for t in here}
    said = set(re.findall(r"`([A-Z]\w*[a-z]\w*)`", defence)) & known
    found += [f"{d}: none of this row's tests takes it away" for d in sorted(said - taken)]
    found += [f"{d}: a test takes it away, but the row does not say it" for d in sorted(taken - said - {None})]
    if not said and "*structural*" not in defence and "*not applicable*" not in defence:
        found.append("names no defence, and does not say that it is structural or not applicable")
    if not counter.startswith("-"):
        found += [f"no such counter: {c}" for c in re.split(r",\s*", counter) if c not in counters]
    return found


def check(root):
    table = root / TABLE
    if not table.exists():
        return [f"{TABLE}: there is none"]
    known = names(r"X\(([A-Z]\w+)\)", root, [DEFENCES])
    counters = names(r"X\((\w+),", root, [COUNTERS])
    tests = mounted(root)
    found, seen, text = [], [], table.read_text()
    for cells in rows(text):
        seen.append(int(cells[0]))
        found += [f"{TABLE}: row {cells[0]}: {f}" for f in check_row(cells, known, tests, counters)]
    if seen != list(range(1, ATTACKS + 1)):
        found.append(f"{TABLE}: the rows are {seen}, not 1 to {ATTACKS}")
    found += [f"tests/attacks: {t} is in no row of {TABLE}" for t in sorted(tests) if t not in text]
    asked = {d for f in source.files(root, ("src",), source.CPP) if not f.name.endswith("_test.cpp")
             for d in re.findall(r"defended\(Defence::(\w+)\)", f.read_text())}
    for defence in sorted(known):
        if defence not in asked:
            found.append(f"{DEFENCES}: {defence} is asked about nowhere")
        if defence not in tests.values():
            found.append(f"{DEFENCES}: no test takes {defence} away")
    presets = root / "CMakePresets.json"
    for preset in json.loads(presets.read_text())["configurePresets"] if presets.exists() else []:
        if preset["name"] == "release" and "ESTAB_SWITCHABLE_DEFENCES" in preset.get("cacheVariables", {}):
            found.append("CMakePresets.json: release is a product and lets defences be taken away")
    return found


GOOD_ROW = "| {n} | a | d (`Dx`) | l | TcpX, EstabY | Blind.a{n:02}_x |\n"


def tree(row=None, at=7, **more):
    lines = [GOOD_ROW.format(n=n) for n in range(1, ATTACKS + 1)]
    if row is not None:
        lines[at - 1] = row
    attacks = "".join(f"ATTACK(Blind, a{n:02}_x, Dx) {{\n}}\n" for n in range(1, ATTACKS + 1))
    files = {
        TABLE: "| # | attack |\n|---|\n" + "".join(lines),
        DEFENCES: "#define D(X) \\\n  X(Dx)  /* . */\n",
        COUNTERS: '  X(TcpX, "x") \\\n  X(EstabY, "y")\n',
        "src/tcp/a.cpp": "if (defended(Defence::Dx)) return;\n",
        "tests/attacks/blind_test.cpp": attacks,
    }
    return files | more


def self_test():
    test = source.SelfTest(check)
    row = GOOD_ROW.format(n=7)
    test.expect("all is there", tree())
    test.expect("no table", {"src/a.h": ""}, "there is none")
    test.expect("a row is missing", tree(""), "not 1 to 34")
    test.expect("a column is missing", tree("| 7 | a | d (`Dx`) | l | Blind.a07_x |\n"), "six columns")
    test.expect("no test", tree(row.replace("Blind.a07_x", "none")), "names no test")
    test.expect("a test that is not there", tree(row.replace("Blind.a07_x", "Blind.a07_y")), "no such test: Blind.a07_y")
    test.expect("another row's test", tree(row.replace("Blind.a07_x", "Blind.a08_x")), "another row's")
    test.expect("a counter that is not there", tree(row.replace("EstabY", "EstabZ")), "no such counter: EstabZ")
    test.expect("no counter, with its reason", tree(row.replace("TcpX, EstabY", "- (nothing is dropped)")))
    test.expect("no defence", tree(row.replace("`Dx`", "none")), "does not say")
    structural = {"tests/attacks/b_test.cpp": "TEST(Blind, a07_z) {\n}\n"}
    test.expect("structural", tree(row.replace("d (`Dx`)", "*structural*").replace("a07_x", "a07_z") + "Blind.a07_x\n", **structural))
    test.expect("a test in no row", tree(**{"tests/attacks/b_test.cpp": "TEST(Blind, a07_q) {\n}\n"}), "in no row")
    two = {DEFENCES: "#define D(X) \\\n  X(Dx) \\\n  X(Unasked)\n"}
    test.expect("a defence that the code does not ask", tree(**two), "Unasked is asked about nowhere")
    test.expect("a defence without a test", tree(**two), "no test takes Unasked away")
    presets = '{"configurePresets": [{"name": "release", "cacheVariables": {"ESTAB_SWITCHABLE_DEFENCES": "ON"}}]}'
    test.expect("a product that can be disarmed", tree(**{"CMakePresets.json": presets}), "release is a product")
    return test.end()


def summary(root):
    tests = mounted(root)
    taken = [d for d in tests.values() if d is not None]
    return (f"{ATTACKS} attacks, {len(tests)} tests, of which {len(taken)} run again with a defence taken away; "
            f"{len(set(taken))} defences")


if __name__ == "__main__":
    source.main(check, self_test, summary)
