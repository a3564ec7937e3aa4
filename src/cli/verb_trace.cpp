// `estab trace`: each transition as it happens, of Linux's connections and of running stacks'.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <set>

#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/terminal.h"
#include "observe/bpf/state_clock.h"
#include "observe/control_client.h"
#include "observe/trace_filter.h"
#include "observe/trace_source.h"
#include "observe/trace_text.h"

namespace estab::cli {
namespace {

struct TraceFlags {
  std::string source = "all";
  std::string stack;
  std::vector<std::string> filter;
  observe::LinuxTraceOptions linux_options;
  observe::TraceFormat format;
  bool json = false, no_header = false, no_bpf = false, forget = false;
  std::uint64_t count = 0;  // 0: without end
  double seconds = 0;       // 0: without end
  long interval_ms = 200;
};

constexpr const char* kAbout =
    "Each transition of a connection as it happens.\n"
    "When, whose, from which state to which, how long it was in the old one, and why. Linux's\n"
    "connections and those of running estab stacks, in the same words. On Linux this needs root, "
    "or\n"
    "CAP_BPF and CAP_PERFMON; without it all sockets are looked at again and again, and what is "
    "not\n"
    "seen is said.";

constexpr const char* kFooter =
    "WHY is the arrow of `estab diagram` with its event, or the rule of practice (L1 to L23).\n"
    "MS is the time spent in the old state; > marks a lower bound.\n"
    "FILTER is ss's; a state's name asks for what leaves or enters it.\n\n"
    "Examples:\n"
    "  estab trace\n"
    "  estab trace --resets dport = :443\n"
    "  estab trace state time-wait --seconds 10\n"
    "  estab trace --json --all-namespaces\n"
    "  estab trace --stacks dport = :5432        (which code opens and closes these?)\n"
    "  estab trace --source estab --stack web\n";

class Trace {
 public:
  explicit Trace(const TraceFlags& flags, observe::TraceFilter filter)
      : flags_(flags), filter_(std::move(filter)) {}

  int run() {
    note_interrupts();
    open_sources();
    say_blind_spots();
    const bool terminal = ::isatty(STDOUT_FILENO) != 0;
    format_.narrow = terminal && terminal_width() < observe::kTraceColumns;
    if (!flags_.json && !flags_.no_header) {
      fmt::print("{}", observe::trace_header(format_));
      std::fflush(stdout);
    }
    const auto begin = std::chrono::steady_clock::now();
    const std::chrono::duration<double> limit(flags_.seconds);
    while (!interrupted() && !enough_) {
      if (flags_.seconds > 0 && std::chrono::steady_clock::now() - begin >= limit) break;
      step(kPatience);
      if (terminal || std::chrono::steady_clock::now() - flushed_ > kBetweenFlushes) flush();
    }
    if (!enough_) step(Duration{0});  // what came before the end is shown
    flush();
    say("trace", fmt::format("{} events shown, {} lost", shown_, lost()));
    return failed_.empty() ? kDone : throw Failure(failed_);
  }

 private:
  static constexpr auto kBetweenFlushes = std::chrono::milliseconds(100);
  static constexpr Duration kPatience = std::chrono::milliseconds(20);

  void open_sources() {
    const auto on = [this](const observe::TraceEvent& e) {
      if (filter_.matches(e)) batch_.push_back(e);
    };
    if (flags_.source != "estab") open_linux(on);
    if (flags_.source == "linux") return;
    auto stacks = observe::trace_stacks(flags_.stack, flags_.linux_options.stacks, on);
    if (stacks) {
      sources_.push_back(std::move(*stacks));
    } else if (sources_.empty() || !flags_.stack.empty()) {
      throw Failure(stacks.error());
    }
  }

  void open_linux(const observe::OnTraceEvent& on) {
    if (!flags_.no_bpf) {
      auto traced = observe::trace_linux(flags_.linux_options, on);
      if (traced) return sources_.push_back(std::move(*traced));
      say("trace", traced.error());
      if (flags_.linux_options.keep) say("trace", "--keep: nothing is kept without BPF");
    }
    if (flags_.linux_options.stacks) {
      say("trace",
          "--stacks: without BPF no call on Linux's sockets is seen, so that none is named");
    }
    auto polled = observe::poll_linux(std::chrono::milliseconds(flags_.interval_ms), on);
    if (!polled) throw Failure(polled.error());
    sources_.push_back(std::move(*polled));
  }

  void say_blind_spots() {
    for (const auto& source : sources_) {
      for (const std::string& line : source->blind_spots()) {
        if (said_.insert(line).second) say("trace", line);
      }
    }
  }

  void step(Duration all) {
    const Duration patience = all / static_cast<int>(std::max<std::size_t>(sources_.size(), 1));
    for (const auto& source : sources_) {
      if (auto done = source->step(patience); !done) {
        failed_ = done.error();
        enough_ = true;
      }
    }
    show_batch();
    say_blind_spots();
    const std::uint64_t now_lost = lost();
    if (now_lost == said_lost_) return;
    said_lost_ = now_lost;
    say("trace",
        fmt::format("{} events lost so far: they came faster than they were read", now_lost));
  }

  // What the sources told in one step, in the order in which it happened.
  void show_batch() {
    const auto when = [](const observe::TraceEvent& e) { return e.at + e.wall_offset; };
    if (sources_.size() > 1) {
      std::stable_sort(batch_.begin(), batch_.end(),
                       [&](const auto& a, const auto& b) { return when(a) < when(b); });
    }
    for (const observe::TraceEvent& e : batch_) {
      if (!full_) show(e);
    }
    batch_.clear();
  }

  void show(const observe::TraceEvent& e) {
    const std::string line = flags_.json ? observe::trace_json(e) : observe::trace_line(e, format_);
    std::fwrite(line.data(), 1, line.size(), stdout);
    ++shown_;
    full_ = flags_.count != 0 && shown_ >= flags_.count;
    enough_ = enough_ || full_;
  }

  void flush() {
    flushed_ = std::chrono::steady_clock::now();
    if (std::fflush(stdout) != 0) enough_ = true;  // the reader of a pipe is gone
  }

  std::uint64_t lost() const {
    std::uint64_t all = 0;
    for (const auto& source : sources_) all += source->lost();
    return all;
  }

  const TraceFlags& flags_;
  observe::TraceFormat format_ = flags_.format;
  observe::TraceFilter filter_;
  std::vector<observe::TraceEvent> batch_;
  std::vector<observe::TraceSourcePtr> sources_;
  std::set<std::string> said_;
  std::uint64_t shown_ = 0, said_lost_ = 0;
  std::chrono::steady_clock::time_point flushed_{};
  bool enough_ = false, full_ = false;
  std::string failed_;
};

int trace(const TraceFlags& flags) {
  if (flags.forget) {
    if (auto done = observe::bpf::forget_kept(); !done) throw Failure(done.error());
    return kDone;
  }
  auto filter = observe::TraceFilter::parse(flags.filter);
  if (!filter) throw WrongUse(filter.error());
  return Trace(flags, std::move(*filter)).run();
}

}  // namespace

void add_trace(CLI::App& app, const Chosen& chosen) {
  auto flags = std::make_shared<TraceFlags>();
  CLI::App* verb = app.add_subcommand("trace", kAbout);
  verb->footer(kFooter);
  verb->add_option("--source", flags->source, "linux, estab or all")
      ->type_name("SOURCE")
      ->check(CLI::IsMember({"linux", "estab", "all"}));
  verb->add_option("--stack", flags->stack,
                   "one estab stack alone: its name, pid or control socket")
      ->type_name("STACK");
  verb->add_flag("--all-namespaces", flags->linux_options.all_namespaces,
                 "Linux's connections of every network namespace, not only of this one");
  verb->add_flag("--resets", flags->linux_options.resets,
                 "each RST sent and received too, with Linux's reason");
  verb->add_flag("--retransmits", flags->linux_options.retransmits, "each retransmission too");
  verb->add_flag(
      "--stacks", flags->linux_options.stacks,
      "below a move that a call made: the functions that called, and those that made it");
  verb->add_flag("--json", flags->json, "one JSON object a line");
  verb->add_flag("--date", flags->format.date, "the date before the time");
  verb->add_flag("-H,--no-header", flags->no_header, "no header line");
  verb->add_option("-c,--count", flags->count, "end after N events")->type_name("N");
  verb->add_option("--seconds", flags->seconds, "end after N seconds")->type_name("N");
  verb->add_flag("--keep", flags->linux_options.keep,
                 "go on keeping each socket's time in state and owner after the end, for estab ss");
  verb->add_flag("--forget", flags->forget,
                 "end what --keep or a killed tracer left, and do nothing else");
  verb->add_flag("--no-bpf", flags->no_bpf, "look again and again instead of tracing");
  verb->add_option("--interval", flags->interval_ms, "between two such looks, in milliseconds")
      ->type_name("MS")
      ->check(CLI::Range(10, 60000));
  verb->add_option("FILTER", flags->filter, "see below")->type_name("");
  verb->final_callback([flags, chosen] {
    flags->format.namespaces = flags->linux_options.all_namespaces;
    chosen([flags] { return trace(*flags); });
  });
}

}  // namespace estab::cli
