#!/usr/bin/env python3
"""Man pages from the command's own --help: PROGRAM.1, and PROGRAM-VERB.1 for each verb that the
help lists. The help is the text; this only gives it roff's form, so the two never differ.

    manpages.py --version X --out FOLDER PROGRAM

What it understands of a help text: the paragraphs before `Usage:` describe; `Title:` alone at the
margin opens a section; in it, `  name   what it is` is an entry (what is indented deeper goes on
with it); a section whose title starts with Example is kept line by line.
"""

import argparse
import pathlib
import re
import subprocess
import sys

VERBS = ("subcommands", "commands", "verbs")
ENTRY = re.compile(r"^( {1,8})(\S.*?)(?:\s{2,}(\S.*))?$")
TITLE = re.compile(r"^(\[?[A-Z][\w ,'-]*\]?):\s*$")


def help_of(program, verb=None):
    words = [program] + ([verb] if verb else []) + ["--help"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        sys.exit(f"manpages.py: {' '.join(map(str, words))} failed ({done.returncode}): {done.stderr.strip()}")
    return done.stdout


def sections_of(text):
    """(describing lines, usage lines, [(title, lines)])"""
    about, usage, sections = [], [], []
    into = about
    for line in text.expandtabs().rstrip().splitlines():
        title = TITLE.match(line)
        if line.startswith("Usage:"):
            into = usage
            line = line[len("Usage:") :].strip()
        elif title:
            sections.append((title.group(1).strip("[]"), []))
            into = sections[-1][1]
            continue
        elif into is usage and line and not line.startswith(" "):
            into = about  # the description after the usage
        into.append(line)
    return about, [line for line in usage if line.strip()], sections


def escape(text):
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + text if text[:1] in (".", "'") else text


def paragraphs(lines):
    """Paragraphs in roff; indented lines are kept as they are."""
    out = []
    for block in re.split(r"\n\s*\n", "\n".join(lines).strip("\n")):
        if not block.strip():
            continue
        if block.startswith("  "):
            out += [".PP", ".nf", *(escape(line) for line in block.splitlines()), ".fi"]
        else:
            out += [".PP", *(escape(line.strip()) for line in block.splitlines())]
    return out


def entries(lines):
    """[(name, words)] of a section, and what stands in it besides."""
    found, margin = [], None
    for line in lines:
        entry = ENTRY.match(line)
        if entry and (margin is None or len(entry.group(1)) <= margin):
            margin = len(entry.group(1))
            found.append((entry.group(2), [entry.group(3)] if entry.group(3) else []))
        elif line.strip() and found:
            found[-1][1].append(line.strip())
    return found


def section(title, lines):
    out = [f'.SH "{title.upper()}"']
    if title.lower().startswith("example"):
        return out + [".nf", *(escape(line.removeprefix("  ")) for line in "\n".join(lines).strip("\n").splitlines()), ".fi"]
    if not any(ENTRY.match(line) for line in lines):
        return out + paragraphs(lines)
    for name, words in entries(lines):
        out += [".TP", f"\\fB{escape(name)}\\fR", *(escape(word) for word in words)]
        if not words:
            out.append("\\&")
    return out


def first_sentence(about, fallback):
    text = " ".join(line.strip() for line in about).strip()
    sentence = re.split(r"(?<=\w)[.:;](?:\s|$)", text)[0] if text else fallback
    return sentence[:1].lower() + sentence[1:] if sentence[1:2].islower() else sentence


def page(name, version, text, fallback, others):
    about, usage, sections = sections_of(text)
    out = [f'.TH "{name.upper()}" 1 "" "estab {version}" "User Commands"', ".SH NAME",
           f"{escape(name)} \\- {escape(first_sentence(about, fallback))}", ".SH SYNOPSIS"]
    for line in usage:
        out += [".PP", f"\\fB{escape(line.strip())}\\fR"]
    out += [".SH DESCRIPTION", *(paragraphs(about) or [".PP", escape(fallback)])]
    for title, lines in sections:
        out += section(title, lines)
    if others:
        out += ['.SH "SEE ALSO"', ", ".join(f"\\fB{escape(o)}\\fR(1)" for o in others)]
    return "\n".join(out) + "\n"


def verbs_of(text):
    return [(name.split(",")[0].split()[0], " ".join(words)) for title, lines in sections_of(text)[2]
            if title.lower() in VERBS for name, words in entries(lines)]


def write_pages(program, version, folder):
    text = help_of(program)
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.1"):
        old.unlink()
    if not text.strip():  # the test over the made pages fails then; the build need not
        print(f"manpages.py: {program} --help prints nothing: no pages", file=sys.stderr)
        (folder / "made").write_text("")
        return
    name = pathlib.Path(program).name
    verbs = verbs_of(text)
    pages = [f"{name}-{verb}" for verb, _ in verbs]
    (folder / f"{name}.1").write_text(page(name, version, text, name, pages))
    for verb, words in verbs:
        others = [name] + [p for p in pages if p != f"{name}-{verb}"]
        (folder / f"{name}-{verb}.1").write_text(page(f"{name}-{verb}", version, help_of(program, verb), words, others))
    (folder / "made").write_text("".join(f"{p}.1\n" for p in [name] + pages))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--version", required=True)
    parser.add_argument("--out", required=True, type=pathlib.Path)
    options = parser.parse_args()
    write_pages(options.program, options.version, options.out)


if __name__ == "__main__":
    main()
