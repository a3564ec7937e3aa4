#!/usr/bin/env python3
"""Holds every #include in src/ and include/ to the floors of tools/floors.json: lower floors know
nothing of higher ones, no header includes itself round a corner, and the core includes no header
that reads a clock, a file, a thread or a random number. Draws the picture in ARCHITECTURE.md.

    layers.py              check; exit 1 with one line a finding
    layers.py --picture    print the picture
    layers.py --write      put it into ARCHITECTURE.md, between the markers
    layers.py --self-test  feed the check with bad trees
"""

import json
import re
import sys

import source

TABLE = json.loads((source.ROOT / "tools/floors.json").read_text())
FLOORS = {row["name"]: row for row in TABLE["floors"]}
PUBLIC = {header: row["name"] for row in TABLE["floors"] for header in row["public"]}
BEGIN = "<!-- floors: drawn from tools/floors.json by tests/house/layers.py --write -->"
END = "<!-- end of floors -->"
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(["<])([^">]+)[">]', re.MULTILINE)


def floor_of(path):
    """The floor of a file given relative to the root, or None."""
    parts = path.split("/")
    if parts[0] == "src" and len(parts) > 2:
        return parts[1]
    if path.startswith("include/estab/"):
        return PUBLIC.get("/".join(parts[2:]))
    return None


def resolve(root, path, name):
    """Which file of the tree `#include "name"` in `path` means, or None."""
    for candidate in (f"src/{name}", f"include/{name}", f"{path.rsplit('/', 1)[0]}/{name}"):
        if (root / candidate).is_file():
            return candidate
    return None


def check_edge(path, line, floor, target, name):
    """The finding that `path` of `floor` includes `target`, or None."""
    to = floor_of(target)
    if to is None:
        return f"{path}:{line}: {name} stands on no floor of tools/floors.json"
    if path.startswith("include/") and not target.startswith("include/"):
        return f"{path}:{line}: a public header includes {name}, which is not installed"
    row = FLOORS[floor]
    if to == floor or to == "base" or to in row["may"] or name in row["may"]:
        return None
    return f"{path}:{line}: floor {floor} may not include floor {to} ({name})"


def check_system(path, line, floor, name):
    if not FLOORS[floor].get("core") or path.endswith("_test.cpp"):
        return None
    if name in TABLE["forbidden_in_core"]["headers"]:
        return f"{path}:{line}: <{name}> in floor {floor}: {TABLE['forbidden_in_core']['why']}"
    return None


def cycles(graph):
    """One finding a cycle of includes."""
    findings, done = [], set()

    def visit(node, trail):
        if node in trail:
            findings.append("cycle of includes: " + " -> ".join(trail[trail.index(node):] + [node]))
            return
        if node not in done:
            for to in graph.get(node, ()):
                visit(to, trail + [node])
            done.add(node)

    for node in sorted(graph):
        visit(node, [])
    return findings


def check(root):
    findings, graph = [], {}
    for file in source.files(root, ("src", "include"), source.CPP):
        path = str(file.relative_to(root))
        floor = floor_of(path)
        if floor not in FLOORS:
            findings.append(f"{path}: stands on no floor of tools/floors.json")
            continue
        text = source.blank(file.read_text(), strings=False)
        graph[path] = []
        for match in INCLUDE.finditer(text):
            line, name = source.line_of(text, match.start()), match.group(2)
            target = resolve(root, path, name)
            if target is not None:
                graph[path].append(target)
                findings.append(check_edge(path, line, floor, target, name))
            elif match.group(1) == "<":
                findings.append(check_system(path, line, floor, name))
            elif not path.endswith("_test.cpp") or not (root / "tests" / name).is_file():
                findings.append(f"{path}:{line}: {name} is no file of the tree")
    findings += cycles(graph)
    findings += check_table()
    if root == source.ROOT:
        findings += check_picture(root)
    return [f for f in findings if f]


def check_table():
    """The table itself: a floor admits only floors that are not above it."""
    findings = []
    for row in TABLE["floors"]:
        for other in row["may"]:
            if other in FLOORS and FLOORS[other]["floor"] > row["floor"]:
                findings.append(f"tools/floors.json: {row['name']} admits {other}, which is above it")
            if other not in FLOORS and "/" not in other:
                findings.append(f"tools/floors.json: {row['name']} admits {other}, which is no floor")
    for a in TABLE["floors"]:
        for b in TABLE["floors"]:
            if a["name"] in b["may"] and b["name"] in a["may"]:
                findings.append(f"tools/floors.json: {a['name']} and {b['name']} admit each other")
    return sorted(set(findings))


def picture():
    width = max(len(row["says"]) for row in TABLE["floors"]) + 2
    rule = "  +---+----------+" + "-" * width + "+"
    lines, was = [rule], None
    for row in TABLE["floors"]:
        if was is not None and row.get("core") and not was.get("core") and row["floor"] == 4:
            lines.append(rule.replace("-", "="))
        elif was is not None:
            lines.append(rule)
        mark = "*" if row.get("core") else " "
        lines.append(f"  | {row['floor']} | {row['name'] + mark:<8} | {row['says']:<{width - 2}} |")
        was = row
    lines += [rule, "  * the core: no clock, no socket, no thread, no file, no randomness", ""]
    for row in TABLE["floors"]:
        may = ", ".join(row["may"] + ["base"]) if row["name"] != "base" else "nothing"
        lines.append(f"  {row['name']:<8} may include {may}")
    return "\n".join(lines)


def drawn():
    return f"{BEGIN}\n```\n{picture()}\n```\n{END}"


def check_picture(root):
    file = root / "ARCHITECTURE.md"
    if not file.is_file() or BEGIN not in file.read_text():
        return ["ARCHITECTURE.md: the floors' picture is missing; put the marker line there and run "
                f"tests/house/layers.py --write: {BEGIN}"]
    if drawn() not in file.read_text():
        return ["ARCHITECTURE.md: the picture is not what tools/floors.json says; "
                "tests/house/layers.py --write mends it"]
    return []


def write_picture():
    file = source.ROOT / "ARCHITECTURE.md"
    text = file.read_text()
    pattern = re.escape(BEGIN) + "(.*?" + re.escape(END) + ")?"
    file.write_text(re.sub(pattern, lambda _: drawn(), text, count=1, flags=re.DOTALL))


def self_test():
    test = source.SelfTest(check)
    up = '#include "stack/ports.h"\n'
    test.expect("a floor includes a lower one",
                {"src/tcp/a.cpp": '#include "wire/b.h"\n#include <vector>\n', "src/wire/b.h": ""})
    test.expect("a floor includes a higher one",
                {"src/tcp/a.cpp": up, "src/stack/ports.h": ""}, "tcp may not include floor stack")
    test.expect("neighbours on one height",
                {"src/tcp/a.cpp": '#include "dev/t.h"\n', "src/dev/t.h": ""}, "may not include floor dev")
    test.expect("a test is held to its floor",
                {"src/tcp/a_test.cpp": up, "src/stack/ports.h": ""}, "tcp may not include floor stack")
    test.expect("a public header of a higher floor",
                {"src/ip/a.cpp": '#include "estab/stack.h"\n', "include/estab/stack.h": ""}, "ip may not")
    test.expect("a public header includes a private one",
                {"include/estab/stack.h": '#include "tcp/c.h"\n', "src/tcp/c.h": ""}, "not installed")
    test.expect("an unlisted public header", {"include/estab/odd.h": ""}, "stands on no floor")
    test.expect("an unlisted folder", {"src/attic/a.h": ""}, "stands on no floor")
    test.expect("a clock in the core", {"src/tcp/a.cpp": "#include <ctime>\n"}, "<ctime> in floor tcp")
    test.expect("a thread in a device", {"src/dev/a.cpp": "#include <thread>\n"})
    test.expect("a file that is not there", {"src/tcp/a.cpp": '#include "tcp/gone.h"\n'}, "no file of the tree")
    test.expect("an include in a comment", {"src/tcp/a.cpp": '// #include "stack/x.h"\n/*\n#include "q.h"\n*/\n'})
    test.expect("a cycle", {"src/tcp/a.h": '#include "tcp/b.h"\n', "src/tcp/b.h": '#include "tcp/a.h"\n'},
                "cycle of includes: src/tcp/a.h -> src/tcp/b.h -> src/tcp/a.h")
    kept = FLOORS["wire"]["may"]
    FLOORS["wire"]["may"] = ["stack"]
    test.expect("a table that admits a higher floor", {}, "wire admits stack, which is above it")
    FLOORS["wire"]["may"] = kept
    return test.end()


def summary(root):
    return f"{len(source.files(root, ('src', 'include'), source.CPP))} files stand on their floors"


if __name__ == "__main__":
    if sys.argv[1:] == ["--picture"]:
        print(picture())
    elif sys.argv[1:] == ["--write"]:
        write_picture()
    else:
        source.main(check, self_test, summary)
