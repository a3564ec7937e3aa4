"""What the house's checks share: the tree's files, C++ without its comments and strings, and the
way a check reports and tests itself."""

import pathlib
import re
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
CPP = (".h", ".cpp")
CODE_FOLDERS = ("src", "include", "tests", "examples", "bench", "fuzz", "demo", "tools", "cmake", ".ci")
CODE_SUFFIXES = (".h", ".cpp", ".c", ".py", ".sh", ".cmake", ".txt")


def files(root, folders, suffixes=None):
    """Every file below root's folders, sorted; with no suffixes: scripts without one too."""
    found = []
    for folder in folders:
        for path in sorted((root / folder).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts and "build" not in path.parts:
                if suffixes is None or path.suffix in suffixes:
                    found.append(path)
    return found


_TOKEN = re.compile(
    r"""
    //(?:[^\n\\]|\\.)*(?:\\\n(?:[^\n\\]|\\.)*)*        # line comment
  | /\*.*?\*/                                          # block comment
  | (?:u8|u|U|L)?R"(?P<delim>[^()\\\s]{0,16})\(.*?\)(?P=delim)"   # raw string
  | (?:u8|u|U|L)?"(?:[^"\\\n]|\\.)*"                   # string
  | (?<![0-9A-Fa-f])(?:u8|u|U|L)?'(?:[^'\\\n]|\\.)+'   # character, not a digit separator
    """,
    re.VERBOSE | re.DOTALL,
)


def blank(text, strings=True):
    """The text with comments (and strings' insides) turned to spaces, line by line as before."""

    def wipe(match):
        token = match.group(0)
        if token.startswith("/"):
            return re.sub(r"[^\n]", " ", token)
        if not strings:
            return token
        return '"' + re.sub(r"[^\n]", " ", token[1:-1]) + '"'

    return _TOKEN.sub(wipe, text)


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


class SelfTest:
    """Feeds a check with small trees: what is bad must be found, what is good must pass."""

    def __init__(self, check):
        self.check = check
        self.failures = 0
        self.runs = 0

    def expect(self, name, tree, finding=None):
        """`tree` maps paths to texts. `finding` is a piece of the finding; None: nothing found."""
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            for path, text in tree.items():
                (root / path).parent.mkdir(parents=True, exist_ok=True)
                (root / path).write_text(text)
            findings = self.check(root)
        self.judge(name, findings, finding)

    def judge(self, name, findings, finding):
        self.runs += 1
        if finding is None:
            good = not findings
        else:
            good = any(finding in f for f in findings)
        if not good:
            self.failures += 1
            print(f"self-test: {name}: expected {finding or 'no finding'}, got {findings}")

    def end(self):
        print(f"self-test: {self.runs - self.failures} of {self.runs} cases judged rightly")
        return 1 if self.failures or not self.runs else 0


def main(check, self_test, summary):
    """check(root) -> list of findings; self_test() -> exit code; summary(root) -> one line."""
    if sys.argv[1:] == ["--self-test"]:
        sys.exit(self_test())
    if sys.argv[1:]:
        sys.exit(f"usage: {sys.argv[0]} [--self-test]")
    findings = check(ROOT)
    for finding in findings:
        print(finding)
    print(summary(ROOT) if not findings else f"{len(findings)} findings")
    sys.exit(1 if findings else 0)
