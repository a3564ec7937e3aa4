#!/usr/bin/env python3
"""Words that may not stand in the code, each with its reason and what to do instead.

    words.py              check; exit 1 with one line a finding
    words.py --self-test  feed the check with each of them
"""

import re

import source

# (word, folders, files whose names match, comments too?, why)
WORDS = [
    (r"\bsleep_(?:for|until)\b|\bu?sleep\s*\(|\bnanosleep\b", ("src", "tests"), r"_test\.cpp$|^tests/.*\.(?:cpp|h)$", False,
     "a test does not sleep: time is an argument"),
    (r"\bsleep_(?:for|until)\b|\busleep\s*\(|\bnanosleep\b", ("src",), r"\.(?:cpp|h)$", False,
     "the library waits in its event loop alone"),
    (r"\b(?:system|steady|high_resolution)_clock\b", ("src", "tests"), r"_test\.cpp$|^tests/.*\.(?:cpp|h)$", False,
     "a test reads no clock: pass an Instant"),
    (r"\bsystem_clock\b", ("src", "include"), r"\.(?:cpp|h)$", False,
     "wall time jumps: use CLOCK_MONOTONIC at the edge, Instant within"),
    (r"\b(?:TODO|FIXME|XXX|HACK)\b", ("src", "include", "examples", "bench", "fuzz"), r"\.(?:cpp|h)$", True,
     "do it, or put it on the issue list"),
    (r"\bDISABLED_", ("src", "tests"), r"\.cpp$", False, "a test that never runs proves nothing"),
    (r"\bstd::(?:expected|format|views|source_location)\b", ("src", "include", "tests", "examples"), r"\.(?:cpp|h)$", False,
     "GCC 12 or Clang 14 lacks it: tl::expected, fmt"),
    (r"\b(?:strcpy|strcat|sprintf|vsprintf|gets)\s*\(", ("src", "include", "examples"), r"(?<!_test)\.(?:cpp|h)$", False,
     "it writes past the end"),
]


def check(root):
    findings = set()
    for pattern, folders, named, in_comments, why in WORDS:
        for file in source.files(root, folders, source.CPP):
            path = str(file.relative_to(root))
            if not re.search(named, path):
                continue
            text = file.read_text()
            if not in_comments:
                text = source.blank(text)
            for match in re.finditer(pattern, text):
                word = match.group(0).strip(" (")
                findings.add(f"{path}:{source.line_of(text, match.start())}: {word}: {why}")
    return sorted(findings)


def self_test():
    test = source.SelfTest(check)
    bad = {
        "sleep_for": ("src/tcp/a_test.cpp", "std::this_thread::sleep_for(1s);", "does not sleep"),
        "usleep": ("tests/a.cpp", "usleep(10);", "does not sleep"),
        "nanosleep": ("src/socket/a.cpp", "nanosleep(&t, nullptr);", "event loop"),
        "steady_clock": ("src/tcp/a_test.cpp", "auto t = std::chrono::steady_clock::now();", "reads no clock"),
        "system_clock": ("src/cli/a.cpp", "auto t = std::chrono::system_clock::now();", "wall time"),
        "TODO": ("src/tcp/a.cpp", "// TODO: later", "issue list"),
        "FIXME": ("include/estab/a.h", "/* FIXME */", "issue list"),
        "DISABLED": ("src/tcp/a_test.cpp", "TEST(A, DISABLED_b) {}", "proves nothing"),
        "std::format": ("src/tcp/a.cpp", "auto s = std::format(x);", "GCC 12"),
        "sprintf": ("src/cli/a.cpp", "sprintf(b, x);", "past the end"),
    }
    for name, (path, text, finding) in bad.items():
        test.expect(name, {path: text + "\n"}, finding)
    test.expect("words in comments and strings", {"src/tcp/a_test.cpp": '// sleep_for\nauto s = "system_clock";\n'})
    test.expect("a clock at the edge", {"src/socket/clock.cpp": "auto t = std::chrono::steady_clock::now();\n"})
    return test.end()


def summary(root):
    return f"{len(WORDS)} kinds of banned words, none found"


if __name__ == "__main__":
    source.main(check, self_test, summary)
