#!/usr/bin/env python3
"""A connection's state is assigned in one function alone, so that every change is looked up in the
table and recorded.

    one_assignment.py              check; exit 1 with one line a finding
    one_assignment.py --self-test  feed the check with trees that assign it elsewhere
"""

import re

import sizes
import source

# Each guarded member: where it is declared, where it may be assigned and how often, who is held to it.
# from_record assigns because there the compact record, which walked the arrow, becomes a connection.
MEMBERS = [
    {"member": "state_", "declared": ("src/tcp/connection.h", r"\bState\s+state_\b"),
     "allowed": {("src/tcp/connection.cpp", "apply"): 1, ("src/tcp/connection.cpp", "from_record"): 1},
     "guarded": ("src/tcp",)},
]


def writes(member):
    """Assignments, and the ways round them: a constructor's list, references, swaps."""
    own = rf"(?<![\w.>]){member}|(?:\.|->)\s*{member}"
    return re.compile(rf"(?:{own})\s*=(?!=)|[:,]\s*{member}\s*[({{]|(?<!&)&\s*(?:\w+\s*=\s*)?(?:\w+(?:\.|->))?{member}\b|"
                      rf"\b(?:swap|exchange)\s*\(\s*(?:\w+(?:\.|->))?{member}\b")


def enclosing(functions, line):
    """The name of the function that holds this line."""
    for name, first, length in functions:
        if first <= line < first + length:
            return name.split("::")[-1]
    return "(no function)"


def check_member(root, row):
    header, declaration = row["declared"]
    file = root / header
    if not file.is_file() or not re.search(declaration, source.blank(file.read_text())):
        return [f"{header}: does not declare {row['member']}: this check would see nothing"]
    findings, counted = [], {where: 0 for where in row["allowed"]}
    for file in source.files(root, row["guarded"], source.CPP):
        path, text = str(file.relative_to(root)), source.blank(file.read_text())
        if path.endswith("_test.cpp"):
            continue
        functions = sizes.cpp_functions(file.read_text())
        for match in writes(row["member"]).finditer(text):
            line_start = text.rfind("\n", 0, match.start()) + 1
            if re.match(rf"\s*{declaration[2:]}", text[line_start:]):
                continue  # the declaration with its first value
            line = source.line_of(text, match.start())
            where = (path, enclosing(functions, line))
            if where in counted:
                counted[where] += 1
            else:
                findings.append(f"{path}:{line}: {where[1]} assigns {row['member']}; only "
                                + " and ".join(f"{f} in {p}" for p, f in row["allowed"]) + " may")
    for (path, function), times in counted.items():
        if times != row["allowed"][path, function]:
            findings.append(f"{path}: {function} assigns {row['member']} {times} times, "
                            f"not {row['allowed'][path, function]}")
    return findings


def check(root):
    return [finding for row in MEMBERS for finding in check_member(root, row)]


def self_test():
    test = source.SelfTest(check)
    header = {"src/tcp/connection.h": "class C {\n  State state() const { return state_; }\n  State state_ = State::Closed;\n};\n"}
    record = "Connection Connection::from_record(R r) {\n  Connection c;\n  c.state_ = State::SynReceived;\n}\n"
    apply = "void Connection::apply(Event e) {\n  state_ = step(e).to;\n}\n"

    def tree(text, other=""):
        return header | {"src/tcp/connection.cpp": record + text, "src/tcp/a.cpp": other}

    test.expect("one assignment, in apply", tree(apply))
    test.expect("comparisons and reads", tree(apply, "bool f() { return c.state_ == x && state_ != z && g(state_); }\n"))
    test.expect("another's state_", tree(apply) | {"src/dev/a.cpp": "void f() { state_ = next(state_); }\n"})
    test.expect("a second one in apply", tree(apply.replace("}", "  state_ = b;\n}")), "apply assigns state_ 2 times")
    test.expect("one beside apply", tree(apply + "void L::f() { state_ = a; }\n"), "f assigns")
    for text in ("c.state_ = x;", "c->state_=x;", "this->state_ = x;", "State& s = c.state_;", "g(&state_);",
                 "std::exchange(state_, x);", "std::swap(c.state_, x);"):
        test.expect(text, tree(apply, "void g() { " + text + " }\n"), "src/tcp/a.cpp:1: g assigns")
    test.expect("in a constructor's list", tree(apply, "C::C(State s) : state_(s) {}\n"), "C assigns")
    test.expect("none at all", tree(""), "apply assigns state_ 0 times")
    test.expect("nothing to look at", {}, "would see nothing")
    return test.end()


def summary(root):
    return "; ".join(f"{row['member']} is assigned in " + " and ".join(f"{f} in {p}" for p, f in row["allowed"])
                     + " alone" for row in MEMBERS)


if __name__ == "__main__":
    source.main(check, self_test, summary)
