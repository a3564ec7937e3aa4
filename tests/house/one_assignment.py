#!/usr/bin/env python3
"""A connection's state is assigned in one function alone, so that every change is looked up in the
table and recorded. Finds each member of type State in the guarded floors, and each assignment to a
member of that name.

    one_assignment.py              check; exit 1 with one line a finding
    one_assignment.py --self-test  feed the check with trees that assign it elsewhere
"""

import re

import source

GUARDED = ("src/tcp", "src/stack", "src/socket", "src/observe")
# Where a connection's state may be assigned, and how often.
ALLOWED = {("src/tcp/lifecycle.cpp", "apply"): 1}
# Members of type State that are no connection's state; each with the reason.
NOT_A_CONNECTION = {
    ("src/observe", None): "a picture of a connection, filled from a snapshot",
}

MEMBER = re.compile(r"^[ \t]*(?:mutable\s+)?(?:estab::)?State\s+(\w+)\s*(?:;|=|\{)", re.MULTILINE)
WRITES = r"(?:(?:\.|->)\s*{name}|(?<![\w.>]){name})\s*=(?!=)"


def exempt(path):
    return any(path.startswith(folder + "/") for folder, _ in NOT_A_CONNECTION)


def members(root):
    """Names of members of type State: those of classes in headers, that end in _ or are read as .name"""
    names = set()
    for file in source.files(root, GUARDED, (".h",)):
        if not exempt(str(file.relative_to(root))):
            names |= set(MEMBER.findall(source.blank(file.read_text())))
    return names


def enclosing(functions, line):
    for name, first, length in functions:
        if first <= line < first + length:
            return name.split("::")[-1]
    return "(no function)"


def check(root):
    import sizes

    findings, counted = [], {where: 0 for where in ALLOWED}
    names = members(root)
    if not names:
        return ["no member of type State in " + ", ".join(GUARDED) + ": this check sees nothing"]
    write = re.compile(WRITES.format(name="(?:" + "|".join(sorted(names)) + ")"))
    for file in source.files(root, GUARDED, source.CPP):
        path = str(file.relative_to(root))
        if path.endswith("_test.cpp") or exempt(path):
            continue
        text = source.blank(file.read_text())
        functions = sizes.cpp_functions(file.read_text())
        for match in write.finditer(text):
            line = source.line_of(text, match.start())
            if MEMBER.match(text[text.rfind("\n", 0, match.start()) + 1 :]):
                continue  # the member's own declaration with its first value, or a local
            where = (path, enclosing(functions, line))
            if where in counted:
                counted[where] += 1
            else:
                findings.append(f"{path}:{line}: assigns a connection's state in {where[1]}; only "
                                + " and ".join(f"{p}'s {f}" for p, f in ALLOWED) + " may")
    for (path, function), times in counted.items():
        if times != ALLOWED[path, function]:
            findings.append(f"{path}: {function} assigns the state {times} times, not {ALLOWED[path, function]}")
    return findings


def self_test():
    test = source.SelfTest(check)
    header = {"src/tcp/connection.h": "class C {\n  State state_ = State::Closed;\n};\nstruct R { int x;\n  State state;\n};\n"}
    good = {"src/tcp/lifecycle.cpp": "void Lifecycle::apply(Event e) {\n  state_ = step(e).to;\n}\n"}
    test.expect("one assignment, in apply", header | good)
    test.expect("comparisons and reads", header | good | {"src/stack/a.cpp": "bool f() { return c.state_ == x && y.state != z; }\n"})
    test.expect("a second one in apply", header | {"src/tcp/lifecycle.cpp": "void L::apply() {\n  state_ = a;\n  state_ = b;\n}\n"},
                "assigns the state 2 times")
    test.expect("one beside apply", header | {"src/tcp/lifecycle.cpp": good["src/tcp/lifecycle.cpp"] + "void L::f() { state_ = a; }\n"},
                "in f; only")
    for text in ("c.state_ = x;", "c->state_=x;", "this->state_ = x;", "r.state = x;"):
        test.expect(text, header | good | {"src/stack/a.cpp": "void g() { " + text + " }\n"}, "src/stack/a.cpp:1: assigns")
    test.expect("none at all", header, "assigns the state 0 times")
    test.expect("nothing to look at", {}, "sees nothing")
    return test.end()


def summary(root):
    return "the state is assigned in " + " and ".join(f"{p}'s {f}" for p, f in ALLOWED) + " alone"


if __name__ == "__main__":
    source.main(check, self_test, summary)
