#!/usr/bin/env python3
"""Breaks one rule after another in a copy of the tree, and sees that the test that should notice does.

    tests/lifecycle/mutate.py                 all of them (an hour on two slow cores)
    tests/lifecycle/mutate.py karn paws       these alone
    tests/lifecycle/mutate.py --list
    tests/lifecycle/mutate.py --check         that each text to break still stands where it is said to; breaks nothing

The copy is build/mutants; the tree itself is not touched. Exit 1 when a broken rule went unnoticed.
"""

import argparse
import collections
import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
COPY = ROOT / "build/mutants"
PARTS = ("CMakeLists.txt", "CMakePresets.json", "cmake", "docs", "examples", "fuzz", "include", "packaging", "src", "tests",
         "tools", "man")

# What is broken; where; the text there; what it becomes; the test (binary, filter) that has to fail.
Mutation = collections.namedtuple("Mutation", "name requirement file old new binary test")

MUTATIONS = [
    Mutation("arrow-16", "Figure 5", "src/tcp/state_machine.h",
             "Arrow{ 16, S::FinWait2,    E::RcvFin,      W::Always,    {A::SndAck},                S::TimeWait    }",
             "Arrow{ 16, S::FinWait2,    E::RcvFin,      W::Always,    {A::SndAck},                S::Closed      }",
             "lifecycle_test", "Edges.the_rfc_has_every_move_of_the_table"),
    Mutation("arrow-13-action", "Figure 5", "src/tcp/state_machine.h",
             "Arrow{ 13, S::Established, E::RcvFin,      W::Always,    {A::SndAck},",
             "Arrow{ 13, S::Established, E::RcvFin,      W::Always,    {A::SndFin},",
             "lifecycle_test", "Edges.figure_5_has_twenty_on_both_sides"),
    Mutation("prose-row", "3.10.5", "src/tcp/state_machine.h",
             "Clause{ {S::SynReceived,S::Established,S::FinWait1,S::FinWait2,S::CloseWait},\n"
             "                                                     E::Abort,       W::Always,    D::Move,  {A::SndRst, A::DeleteTcb}",
             "Clause{ {S::SynReceived,S::Established,S::FinWait1,S::FinWait2,S::CloseWait},\n"
             "                                                     E::Abort,       W::Always,    D::Move,  {A::DeleteTcb}",
             "lifecycle_test", "Rules.L17_abort_and_linger_zero"),
    Mutation("window-signed", "MUST-1", "src/tcp/acknowledge.cpp",
             "std::uint32_t{segment.window} << shift",
             "static_cast<std::uint32_t>(static_cast<std::int16_t>(segment.window)) << shift",
             "tcp_test", "Window.MUST_1*"),
    Mutation("checksum-unread", "MUST-3", "src/wire/tcp.cpp",
             "if (checksum_fold(checksum_add(pseudo, bytes)) != 0) {",
             "if (false && checksum_fold(checksum_add(pseudo, bytes)) != 0) {",
             "wire_test", "Tcp.MUST_3*"),
    Mutation("crossing-syns", "MUST-10", "src/tcp/segment_arrives.cpp",
             "if (!segment.has(kAck)) {  // arrow 8: both opened at once (MUST-10)\n    syn_due_ = true;",
             "if (!segment.has(kAck)) {  // arrow 8: both opened at once (MUST-10)\n    syn_due_ = false;",
             "lifecycle_test", "Arrows.figure_7*"),
    Mutation("who-opened", "MUST-11", "src/tcp/user_calls.cpp",
             "opened_ = Opened::Actively;  // MUST-11", "// MUST-11",
             "lifecycle_test", "Arrows.send_in_listen"),
    Mutation("reset-unsaid", "MUST-12", "src/tcp/segment_arrives.cpp",
             "end(Event::RcvRst, Rule::L15_Reset, error, context);                // MUST-12",
             "(void)error;\n  end(Event::RcvRst, Rule::L15_Reset, 0, context);",
             "lifecycle_test", "Rules.L15*"),
    Mutation("two-msl-halved", "MUST-13", "src/tcp/connection.cpp",
             "return settings_.time_wait.value_or(seconds_of(tuning.time_wait));",
             "return settings_.time_wait.value_or(seconds_of(tuning.time_wait)) / 2;",
             "tcp_test", "Close.MUST_13*"),
    Mutation("default-mss", "MUST-15", "src/tcp/mss.h",
             "is_v4() ? 536 : 1220", "is_v4() ? 1460 : 1220",
             "tcp_test", "Open.MUST_15*"),
    Mutation("nagle-stays", "MUST-17", "src/tcp/transmit.cpp",
             "if (settings_.no_delay) return true;  // MUST-17", "",
             "tcp_test", "Nagle.MUST_17*"),
    Mutation("karn", "MUST-18", "src/tcp/loss_detection.cpp",
             "    } else if (!s.sacked) {\n      if (news.first_acked", "    }\n    if (!s.sacked) {\n      if (news.first_acked",
             "tcp_test", "Retransmission.MUST_18*"),
    Mutation("no-back-off", "MUST-19", "src/tcp/timers.cpp",
             "  ++retries_;\n  ++backoff_;\n", "  ++retries_;\n",
             "tcp_test", "Retransmission.MUST_19*"),
    Mutation("syn-gives-up-early", "MUST-23", "src/tcp/timers.cpp",
             "return retries_ >= settings_.syn_retries.value_or(static_cast<int>(t.tcp_syn_retries));",
             "return retries_ + 1 >= settings_.syn_retries.value_or(static_cast<int>(t.tcp_syn_retries));",
             "tcp_test", "Open.MUST_22*"),
    Mutation("keep-alive-unasked", "MUST-25", "src/tcp/settings.h",
             "bool keep_alive = false;", "bool keep_alive = true; ",
             "tcp_test", "KeepAlive.MUST_25*"),
    Mutation("urgent-off-by-one", "MUST-62", "src/tcp/transmit.cpp",
             "std::min<std::int64_t>(snd_up_ - seq, 65535)", "std::min<std::int64_t>(snd_up_ - seq - 1, 65535)",
             "tcp_test", "Urgent.MUST_30*"),
    Mutation("no-zero-window-probe", "MUST-36", "src/tcp/timers.cpp",
             "persist_at_ = context.now + backed_off(context);", "",
             "tcp_test", "ZeroWindow.MUST_36*"),
    Mutation("probes-end", "MUST-37", "src/tcp/timers.cpp",
             "if (orphan_ && spent) return time_out", "if (spent) return time_out",
             "tcp_test", "ZeroWindow.MUST_36*"),
    Mutation("silly-sender", "MUST-38", "src/tcp/transmit.cpp",
             "return length >= std::int64_t{max_snd_wnd_} / 2;", "return true;",
             "tcp_test", "Sws.MUST_38*"),
    Mutation("silly-receiver", "MUST-39", "src/tcp/transmit.cpp",
             "return read_since_ack_ && could - left >= step && left <= most / 4;", "return could > left && step > 0;",
             "tcp_test", "ReceiveWindow.MUST_39*"),
    Mutation("ack-too-late", "MUST-40", "src/tcp/text.cpp",
             "milliseconds_of(std::min(t.tcp_delack_min_ms, t.tcp_delack_max_ms))", "seconds_of(1)",
             "tcp_test", "Ack.MUST_40*"),
    Mutation("source-quench-obeyed", "MUST-55", "src/ip/icmp.cpp",
             "      return Counter::IcmpInSrcQuenchs;", "      return Counter::IcmpInErrors;",
             "ip_test", "IcmpErrors.source_quench*"),
    Mutation("reset-at-closed-window", "MUST-66", "src/tcp/acceptable.cpp",
             "if (seq == e.rcv_nxt) return {Check::Reset};", "if (seq == e.rcv_nxt && e.rcv_wnd > 0) return {Check::Reset};",
             "tcp_test", "ReceiveWindow.MUST_66*"),
    Mutation("any-reset-in-window", "RFC 5961 3", "src/tcp/acceptable.cpp",
             "if (seq == e.rcv_nxt) return {Check::Reset};", "if (seq >= e.rcv_nxt && seq < e.rcv_nxt + e.rcv_wnd) return {Check::Reset};",
             "lifecycle_test", "Rules.L16_challenge"),
    Mutation("challenges-unlimited", "RFC 5961 7", "src/tcp/output.cpp",
             "if (allowed || !defended(Defence::AnswerRate)) return true;",
             "if (allowed || true) return true;",
             "lifecycle_test", "Rules.L16_the_whole_stack*"),
    Mutation("paws", "RFC 7323 5.3", "src/tcp/acceptable.cpp",
             "timestamp_before(s.options.timestamps->value, e.ts_recent);",
             "timestamp_before(e.ts_recent, s.options.timestamps->value);",
             "tcp_test", "Timestamps.paws*"),
    Mutation("old-syn-again", "RFC 7323 5.3", "src/tcp/syn_record.cpp",
             "s.seq == r.irs && !older)", "s.seq == r.irs)",
             "tcp_test", "SynRecord.an_older*"),
    Mutation("late-data-inexact-reset", "L19, SHLD-3", "src/tcp/text.cpp",
             "    answer_closed(segment, context);\n", "    send_reset(context);\n",
             "tcp_test", "Close.MAY_1_and_SHLD_3*"),
    Mutation("fin-wait-2-for-ever", "L8", "src/tcp/connection.cpp",
             "return state_ == State::TimeWait || (state_ == State::FinWait2 && send_queue_.size() == 0);",
             "return state_ == State::TimeWait;",
             "lifecycle_test", "Rules.L8*"),
    Mutation("fin-again-unheard", "L10", "src/tcp/time_wait.cpp",
             "return fin_again && r.state == State::TimeWait ? V::Restart : V::Drop;",
             "return V::Drop;",
             "lifecycle_test", "Rules.L10*"),
    Mutation("old-data-holds", "L11", "src/tcp/time_wait.cpp",
             "return fin_again && r.state == State::TimeWait ? V::Restart : V::Drop;",
             "return r.state == State::TimeWait ? V::Restart : V::Drop;",
             "lifecycle_test", "Rules.L11_*"),
    Mutation("reset-ends-time-wait", "L11r", "src/tcp/time_wait.cpp",
             "context.tuning.tcp_rfc1337 != 0 &&", "context.tuning.tcp_rfc1337 > 1 &&",
             "lifecycle_test", "Rules.L11r*"),
    Mutation("old-syn-taken", "L12", "src/tcp/time_wait.cpp",
             "return timestamp_before(r.ts_recent, value) || (value == r.ts_recent && isn_above);",
             "return value != 0;",
             "lifecycle_test", "Rules.L12_an_older*"),
    Mutation("unread-data-said-read", "L18, SHLD-3", "src/tcp/user_calls.cpp",
             "  if (reset || unread) {\n", "  if (reset) {\n",
             "lifecycle_test", "Rules.L18*"),
    Mutation("orphan-for-ever", "L22", "src/tcp/user_calls.cpp",
             "orphan_until_ = context.now + seconds_of(context.tuning.orphan_lifetime);", "",
             "lifecycle_test", "Rules.L22*"),
    Mutation("reset-for-reset", "L23, 3.10.7.1", "src/stack/segments.cpp",
             "if (segment.has(wire::kRst)) return;", "",
             "lifecycle_test", "Rules.L23*"),
]


def copy_tree():
    for part in PARTS:
        source, target = ROOT / part, COPY / part
        if source.is_dir():
            subprocess.run(["rsync", "-a", "--delete", "--exclude=__pycache__", f"{source}/", f"{target}/"], check=True) \
                if shutil.which("rsync") else replace_folder(source, target)
        elif source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            if not target.exists() or target.read_bytes() != source.read_bytes():
                shutil.copy2(source, target)


def replace_folder(source, target):
    """Like rsync: what is the same keeps its time, so that it is not compiled again."""
    wanted = {p.relative_to(source) for p in source.rglob("*") if p.is_file() and "__pycache__" not in p.parts}
    for old in [p for p in target.rglob("*") if p.is_file() and p.relative_to(target) not in wanted]:
        old.unlink()
    for name in wanted:
        to = target / name
        if not to.exists() or to.read_bytes() != (source / name).read_bytes():
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source / name, to)


def build(binary):
    done = subprocess.run(["ninja", "-j2", "-C", COPY / "build/debug", binary], capture_output=True, text=True)
    return done.returncode == 0, done.stdout


def passes(binary, test):
    """(some test ran, all passed)"""
    done = subprocess.run([COPY / "build/debug/bin" / binary, f"--gtest_filter={test}"], capture_output=True, text=True,
                          timeout=600)
    return "[  PASSED  ] 0 tests" not in done.stdout or done.returncode != 0, done.returncode == 0


def try_one(mutation):
    path = COPY / mutation.file
    before = path.read_text()
    if before.count(mutation.old) != 1:
        return f"its text stands {before.count(mutation.old)} times in {mutation.file}"
    try:
        path.write_text(before.replace(mutation.old, mutation.new))
        built, output = build(mutation.binary)
        if not built:
            return "noticed by the compiler" if "static assertion failed" in output else "does not build"
        ran, fine = passes(mutation.binary, mutation.test)
        if not ran:
            return "no such test"
        return "NOT NOTICED" if fine else "noticed"
    finally:
        path.write_text(before)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="of the mutations; all when none is given")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    unknown = set(options.names) - {m.name for m in MUTATIONS}
    if unknown:
        sys.exit(f"mutate.py: no mutation is called {', '.join(sorted(unknown))}; --list names them")
    chosen = [m for m in MUTATIONS if not options.names or m.name in options.names]
    if options.check:
        stale = [m for m in chosen if (ROOT / m.file).read_text().count(m.old) != 1]
        for m in stale:
            print(f"{m.name}: its text does not stand once in {m.file}")
        sys.exit(1 if stale else 0)
    if options.list:
        for m in chosen:
            print(f"{m.name:<24} {m.requirement:<14} {m.file}")
        return
    copy_tree()
    subprocess.run(["cmake", "--preset", "debug", "-DESTAB_WERROR=OFF", "-DESTAB_INTEROP=OFF"], cwd=COPY, check=True,
                   stdout=subprocess.DEVNULL)
    for binary in sorted({m.binary for m in chosen}):
        built, output = build(binary)
        if not built:
            sys.exit(f"mutate.py: the tree itself does not build:\n{output}")
    for m in chosen:
        if passes(m.binary, m.test) != (True, True):
            sys.exit(f"mutate.py: {m.test} of {m.binary} does not pass, or is not there, before anything is broken")
    missed = 0
    print(f"{'broken':<24} {'requirement':<14} {'result':<24} by")
    for m in sorted(chosen, key=lambda each: (each.binary, each.file)):
        result = try_one(m)
        missed += not result.startswith("noticed")
        print(f"{m.name:<24} {m.requirement:<14} {result:<24} {m.binary} {m.test}", flush=True)
    print(f"{len(chosen) - missed} of {len(chosen)} noticed")
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
