#!/usr/bin/env python3
"""tools/manpages.py must carry every word of a help text into the page, and make a page a verb.

    manpages_test.py                try it on a made-up program
    manpages_test.py --made FOLDER  look at the pages that the build made
"""

import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import source

TOOL = source.ROOT / "tools/manpages.py"
HELP = """A program for tests. It has two verbs.
Usage: prog [OPTIONS] SUBCOMMAND

Options:
  -h,--help                   Print this and exit
  --a-very-long-option-name TEXT:{a,b}
                              What is said on
                              two lines

Subcommands:
  serve                       Serves files.
  ss                          Shows sockets.

Examples:
  prog serve --dir . | cat    # a pipe
  .hidden 'quoted' back\\slash
"""
PROGRAM = f"""#!/usr/bin/env python3
import sys
text = {HELP!r}
verbs = {{"serve": "Serves files.\\nUsage: prog serve\\n\\nOptions:\\n  -p INT=80   port\\n", "ss": "Shows.\\nUsage: prog ss\\n"}}
if "--help" not in sys.argv or sys.argv[1] == FAILS: sys.exit("no such verb")
print(verbs.get(sys.argv[1], text))
"""


def plain(roff):
    """The page's words, the roff taken out."""
    text = re.sub(r'^\.(?:SH|TH) (.*)$', lambda m: m.group(1).replace('"', " "), roff, flags=re.MULTILINE)
    return re.sub(r"\\f[BR]|\\&", "", text).replace("\\-", "-").replace("\\e", "\\")


def complaint(roff):
    """What groff, where it is there, says of the page."""
    if not shutil.which("groff"):
        return ""
    return subprocess.run(["groff", "-man", "-Tutf8", "-ww", "-z"], input=roff, capture_output=True, text=True, check=True).stderr


def words_missing(roff, text):
    shown = {word.lower() for word in plain(roff).split()}
    missing = [w for w in text.replace("Usage:", "").split() if w.lower() not in shown and w.rstrip(":").lower() not in shown]
    return ([f"missing: {missing}"] if missing else []) + [c for c in (complaint(roff),) if c]


def try_it(program, fails="None"):
    with tempfile.TemporaryDirectory() as folder:
        prog = pathlib.Path(folder) / "prog"
        prog.write_text(program.replace("FAILS", fails))
        prog.chmod(0o755)
        done = subprocess.run([sys.executable, TOOL, "--version", "1.2", "--out", f"{folder}/man", prog],
                              capture_output=True, text=True, check=False)
        if done.returncode != 0:
            return [done.stderr]
        pages = {p.name: p.read_text() for p in pathlib.Path(folder, "man").glob("*.1")}
        if sorted(pages) != ["prog-serve.1", "prog-ss.1", "prog.1"]:
            return [f"pages: {sorted(pages)}"]
        return words_missing(pages["prog.1"], HELP) + words_missing(pages["prog-serve.1"], "prog serve -p INT=80 port")


def look_at(folder):
    names = (folder / "made").read_text().split()
    findings = [] if len(names) > 1 else [f"{folder}: no page of a verb: does `estab --help` list its verbs under a title?"]
    for name in names:
        roff = (folder / name).read_text()
        findings += [f"{name}: {part} is missing" for part in (".SH NAME", ".SH SYNOPSIS", ".SH DESCRIPTION") if part not in roff]
        findings += [f"{name}: {complaint(roff)}"] if complaint(roff) else []
    print("\n".join(findings) or f"{len(names)} pages")
    return 1 if findings else 0


def main():
    if sys.argv[1:2] == ["--made"]:
        sys.exit(look_at(pathlib.Path(sys.argv[2])))
    test = source.SelfTest(None)
    test.judge("every word arrives", try_it(PROGRAM), None)
    test.judge("a verb that fails", try_it(PROGRAM, "'ss'"), "ss --help failed")
    test.judge("a verb that is not listed", try_it(PROGRAM.replace("  ss    ", "")), "pages: ")
    test.judge("a word that is lost", words_missing("some words", "some lost words"), "missing: ['lost']")
    sys.exit(test.end())


if __name__ == "__main__":
    main()
