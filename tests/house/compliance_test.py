#!/usr/bin/env python3
"""tools/compliance.py must fail where a proof is missing, fails, is skipped or is claimed by nobody,
and pass where all is proved. Runs it with the real ctest on small made-up trees.

    compliance_test.py [CTEST]
"""

import pathlib
import subprocess
import sys
import tempfile

import source

TOOL = source.ROOT / "tools/compliance.py"
CTEST = sys.argv[1] if len(sys.argv) > 1 else "ctest"
TABLE = "id\tlevel\tsection\tgroup\tfeature\tsentence\n" + "".join(
    f"{i}\t{level}\t3.1\tG\tfeature of {i}\t.\n" for i, level in
    [("MUST-1", "MUST"), ("MUST-10", "MUST NOT"), ("SHLD-2", "SHOULD"), ("MAY-3", "MAY")])
OURS = "id\tlevel\tsection\tfeature\tremark\n"
ARROWS = ("Life.walks_all_arrows", 'echo "20 of 20 arrows, 23 of 23 rules"')
GOOD = [("Suite.MUST_1_and_SHLD_2_text", "true"), ("All/Suite.Ten/0", "true"), ("All/Suite.Ten/1", "true"), ARROWS]
COMMENT = {"src/tcp/a_test.cpp": "// proves: MUST-10\n// more words\nTEST_P(Suite, Ten) {}\n"}
NOTES = {"docs/compliance-notes.tsv": "# why not\nMAY-3\twe choose not to\n"}


def findings(tests, tree, table=TABLE, properties=""):
    """What the tool said, or [] when it was content."""
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        for path, text in ({"docs/rfc9293-requirements.tsv": table} | tree).items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text)
        script = "".join(f'add_test([=[{n}]=] "/bin/sh" "-c" [=[{c.format(root=root)}]=])\n' for n, c in tests)
        for name, command in tests:
            if command.startswith("{root}"):
                script = script.replace(f'"/bin/sh" "-c" [=[{command.format(root=root)}]=]',
                                        f'"/bin/sh" "{command.format(root=root)}"')
        (root / "CTestTestfile.cmake").write_text(script + properties)
        done = subprocess.run([sys.executable, TOOL, "--root", root, "--test-dir", root, "--ctest", CTEST, "--markdown"],
                              capture_output=True, text=True, check=False)
        page = root / "docs/compliance.md"
        if not page.is_file() or "| MUST-1 | MUST |" not in page.read_text():
            return ["no docs/compliance.md", done.stderr]
    return [] if done.returncode == 0 else [done.stdout + done.stderr]


def replaced(name, command):
    return [(n, command if n == name else c) for n, c in GOOD]


def self_test():
    test = source.SelfTest(findings)
    all_of_it = COMMENT | NOTES

    def case(name, finding, tests=GOOD, tree=None, **more):
        test.judge(name, findings(tests, all_of_it if tree is None else tree, **more), finding)

    case("all proved or explained", None)
    case("an unproved MUST", "MUST-11 (MUST, 3.1): G: feature of MUST-11: no proof",
         table=TABLE + "MUST-11\tMUST\t3.1\tG\tfeature of MUST-11\t.\n")
    case("a note is no proof of a MUST", "MUST-11 (MUST", table=TABLE + "MUST-11\tMUST\t3.1\tG\tf\t.\n",
         tree=all_of_it | {"docs/compliance-notes.tsv": "MUST-11\tno\nMAY-3\tno\n"})
    case("MUST-10 is not proved by MUST-1", "MUST-10 (MUST NOT", tree=NOTES)
    case("a proof that fails", "Suite.MUST_1_and_SHLD_2_text: fail", replaced("Suite.MUST_1_and_SHLD_2_text", "exit 1"))
    case("one case of many fails", "All/Suite.Ten/1: fail", replaced("All/Suite.Ten/1", "exit 1"))
    case("a proof that is skipped", "Suite.MUST_1_and_SHLD_2_text: notrun", replaced("Suite.MUST_1_and_SHLD_2_text", "exit 77"),
         properties="set_tests_properties([=[Suite.MUST_1_and_SHLD_2_text]=] PROPERTIES SKIP_RETURN_CODE 77)\n")
    case("a proof that is disabled", "Suite.MUST_1_and_SHLD_2_text: disabled",
         properties="set_tests_properties([=[Suite.MUST_1_and_SHLD_2_text]=] PROPERTIES DISABLED TRUE)\n")
    case("a MAY without a word", "no line in docs/compliance-notes.tsv", tree=COMMENT)
    case("a note that is out of date", "SHLD-2 has a proof now",
         tree=all_of_it | {"docs/compliance-notes.tsv": "SHLD-2\tno\nMAY-3\tno\n"})
    case("an id that does not exist", "claims MUST-99", GOOD + [("Suite.MUST_99_x", "true")])
    case("a comment above nothing", "stands above no test", tree=all_of_it | {"src/tcp/b_test.cpp": "// proves: MUST-1\nint x;\n"})
    case("a comment without an id", "names no id", tree=all_of_it | {"src/tcp/b_test.cpp": "// proves: all\nTEST(A, b) {}\n"})
    case("a test that ctest does not know", "ctest does not know it",
         tree=all_of_it | {"src/tcp/b_test.cpp": "// proves: MUST-1\nTEST(A, b) {}\n"})
    script = {"tests/interop/a.sh": "# proves: MAY-3\nexit 0\n"}
    case("a script proves", None, GOOD + [("interop.a", "{root}/tests/interop/a.sh")], COMMENT | script)
    drill = ("scripts.a", "{root}/tests/scripts/a.pkt")
    packets = {"tests/scripts/a.pkt": ": <<end\n// proves: RFC7323-3.2-1\nend\n"}
    ours = {"docs/requirements.tsv": OURS + "RFC7323-3.2-1\tMUST\t3.2\tf\t\n"}
    named = GOOD + [("Suite.RFC7323_3_2_1_text", "true")]
    noted = {"docs/compliance-notes.tsv": "RFC7323-3.2-1\tno\nMAY-3\tno\n"}
    case("a row of ours without a proof", "RFC7323-3.2-1 (MUST, 3.2): f: no proof", tree=all_of_it | ours)
    case("a note is no proof of it either", "RFC7323-3.2-1 (MUST, 3.2): f: no proof", tree=all_of_it | ours | noted)
    case("a name proves it", None, named, all_of_it | ours)
    case("a packet script proves it", None, GOOD + [drill], all_of_it | ours | packets)
    case("a packet script that fails", "scripts.a: fail", GOOD + [drill],
         all_of_it | ours | {"tests/scripts/a.pkt": "// proves: RFC7323-3.2-1\nexit 1\n"})
    case("a packet script that nobody runs", "a.pkt: claims RFC7323-3.2-1, but ctest does not know it",
         named, all_of_it | ours | packets)
    case("one that does not apply", None,
         tree=all_of_it | {"docs/requirements.tsv": OURS + "RFC5482-4.2-1\tMUST\t4.2\tf\tdoes not apply: why\n"})
    case("one that applies after all", "take its excuse out", named,
         all_of_it | {"docs/requirements.tsv": OURS + "RFC7323-3.2-1\tMUST\t3.2\tf\tnot built: later\n"})
    case("an id of ours that does not exist", "claims RFC7323-3.2-9", GOOD + [("Suite.RFC7323_3_2_9_x", "true")])
    case("no arrows", "no passing test with `arrows`", GOOD[:-1])
    case("an arrow not walked", "19 of 20 arrows", replaced(ARROWS[0], 'echo "19 of 20 arrows, 23 of 23 rules"'))
    return test.end()


if __name__ == "__main__":
    sys.exit(self_test())
