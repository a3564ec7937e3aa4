#!/usr/bin/env python3
"""The core archive (base, wire, tcp, ip, stack) does no input and no output: it may not even name
a clock, a socket, a thread, a file or a source of randomness. Read from its symbols with nm, so
that no include and no macro hides one.

A C function must stand in PURE below; a C++ symbol must not match IMPURE.

    sans_io.py ARCHIVE              check; exit 1 with one line a finding
    sans_io.py --self-test CXX      feed the check with sources that do what is forbidden
"""

import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import source

# C functions that compute and touch nothing else. Add one here only if that is true of it.
PURE = re.compile(
    r"""^(?:
        mem(?:cpy|move|set|cmp|chr|rchr|mem)
      | str(?:len|nlen|cmp|ncmp|chr|rchr|casecmp|ncasecmp|tol|toul|toll|toull|tod|str|spn|cspn)
      | v?snprintf | inet_(?:pton|ntop) | hton[sl] | ntoh[sl] | bcmp
      | malloc | calloc | realloc | free | aligned_alloc | posix_memalign   # as operator new does
      | abort                                     # our own bug, never a peer's packet
      | (?:l|ll)?abs | (?:sqrt|cbrt|pow|exp|exp2|log|log2|log10|floor|ceil|round|lround|llround|trunc|fmod|ldexp|frexp)[fl]?
    )$""",
    re.VERBOSE,
)
# Reserved names belong to the compiler's runtime; these among them are not innocent.
IMPURE_RESERVED = re.compile(
    r"^__(?:v?f?printf|v?dprintf|fgets|getdelim|read|pread|recv\w*|poll|ppoll|fdelt|open\w*)_chk$|^_IO_|^__isoc99_\w*scanf$")
# C++ symbols, demangled.
IMPURE = re.compile(
    r"""(?x)
        \bstd::(?:__cxx11::)?basic_[if]?o?fstream | \bstd::basic_filebuf
      | \bstd::(?:cout|cin|cerr|clog|wcout|wcerr)\b | \bstd::ios_base::Init
      | \bstd::random_device
      | \bstd::chrono::.*::now\(\)
      | \bstd::(?:thread|jthread|mutex|recursive_mutex|shared_mutex|condition_variable|__condvar)\b
      | \bstd::this_thread | \bstd::__atomic_futex | \bstd::(?:future|promise|async)\b
      | \bstd::filesystem::
      | \bfmt::v\d+::(?:v?print|detail::(?:print|fwrite|is_terminal)|ostream|buffered_file|file)\b
    """)


def undefined(archive):
    """{symbol: {members that use it}} of what the archive uses and does not define."""
    used, defined, member = {}, set(), ""
    listing = subprocess.run(["nm", "--format=bsd", archive], check=True, capture_output=True, text=True).stdout
    for line in listing.splitlines():
        if line.endswith(":"):
            member = line[:-1]
            continue
        match = re.match(r"^[0-9a-f ]*\s([A-Za-z?-])\s(\S+)", line)
        if not match:
            continue
        if match.group(1) in "Uwv":
            used.setdefault(match.group(2).split("@")[0], set()).add(member)
        else:
            defined.add(match.group(2))
    return {s: m for s, m in used.items() if s not in defined}


def demangle(symbols):
    out = subprocess.run(["c++filt"], input="\n".join(symbols) + "\n", check=True, capture_output=True, text=True)
    return dict(zip(symbols, out.stdout.splitlines()))


def is_impure(symbol, name):
    if symbol.startswith("_Z"):
        return IMPURE.search(name) is not None
    if symbol.startswith("_"):
        return IMPURE_RESERVED.match(symbol) is not None
    return PURE.match(symbol) is None


def check(archive):
    used = undefined(archive)
    names = demangle(sorted(used))
    return [f"{', '.join(sorted(used[s]))} uses {name}: the core may not" for s, name in names.items()
            if is_impure(s, name)]


FORBIDDEN = {
    "clock_gettime": "#include <ctime>\nlong f() { timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec; }",
    "time": "#include <ctime>\nlong f() { return time(nullptr); }",
    "chrono": "#include <chrono>\nlong f() { return std::chrono::steady_clock::now().time_since_epoch().count(); }",
    "system_clock": "#include <chrono>\nlong f() { return std::chrono::system_clock::now().time_since_epoch().count(); }",
    "socket": "#include <sys/socket.h>\nint f() { return socket(AF_INET, SOCK_STREAM, 0); }",
    "read": "#include <unistd.h>\nlong f(void* p) { return read(0, p, 1); }",
    "write": "#include <unistd.h>\nlong f(void* p) { return write(1, p, 1); }",
    "open": "#include <fcntl.h>\nint f() { return open(\"/tmp/x\", O_RDONLY); }",
    "printf": "#include <cstdio>\nint f(int x) { return printf(\"%d\", x); }",
    "cerr": "#include <iostream>\nvoid f() { std::cerr << 1; }",
    "ofstream": "#include <fstream>\nvoid f() { std::ofstream(\"/tmp/x\") << 1; }",
    "mutex": "#include <pthread.h>\nint f(pthread_mutex_t* m) { return pthread_mutex_lock(m); }",
    "thread": "#include <thread>\nvoid f() { std::thread([] {}).join(); }",
    "sleep": "#include <thread>\nvoid f() { std::this_thread::sleep_for(std::chrono::seconds(1)); }",
    "condition": "#include <condition_variable>\nvoid f(std::condition_variable& c) { c.notify_all(); }",
    "getrandom": "#include <sys/random.h>\nlong f(void* p) { return getrandom(p, 8, 0); }",
    "rand": "#include <cstdlib>\nint f() { return rand(); }",
    "random_device": "#include <random>\nunsigned f() { return std::random_device{}(); }",
    "getenv": "#include <cstdlib>\nchar* f() { return getenv(\"X\"); }",
    "fmt::print": "#include <fmt/format.h>\nvoid f() { fmt::print(\"x {}\", 1); }",
}
ALLOWED = """#include <arpa/inet.h>
#include <cstring>
#include <fmt/format.h>
#include <map>
#include <memory>
#include <string>
#include <system_error>
#include <vector>
std::string f(const char* s, std::vector<int>& v) {
  in_addr a; inet_pton(AF_INET, s, &a); v.push_back(1);
  static std::map<int, std::shared_ptr<std::string>> m; m[1] = std::make_shared<std::string>(s);
  if (v.at(0) == 9) throw std::system_error(std::make_error_code(std::errc::invalid_argument));
  return fmt::format("{} {}", std::strlen(s), *m[1]);
}
"""


def archive_of(cxx, folder, name, text):
    base = pathlib.Path(folder) / name.replace("::", "_")
    base.with_suffix(".cpp").write_text(text)
    subprocess.run([cxx, "-std=c++20", "-c", f"{base}.cpp", "-o", f"{base}.o"], check=True)
    subprocess.run(["ar", "rcs", f"{base}.a", f"{base}.o"], check=True)
    return f"{base}.a"


def self_test(cxx):
    test = source.SelfTest(check)
    with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        archives = pool.map(lambda item: archive_of(cxx, folder, *item), FORBIDDEN.items())
        for name, archive in zip(FORBIDDEN, archives):
            test.judge(name, check(archive), "the core may not")
        test.judge("what the core does", check(archive_of(cxx, folder, "allowed", ALLOWED)), None)
    return test.end()


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[1] == "--self-test":
        sys.exit(self_test(sys.argv[2]))
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    problems = check(sys.argv[1])
    print("\n".join(problems) or f"{len(undefined(sys.argv[1]))} outside symbols, none of them does input or output")
    sys.exit(1 if problems else 0)
