#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <map>
#include <utility>

#include "observe/bpf/process_symbols.h"
#include "observe/bpf/state_clock.h"
#include "observe/code_text.h"
#include "observe/control_client.h"
#include "observe/trace_source.h"

namespace estab::observe {
namespace {

constexpr Duration kBetweenAsks = std::chrono::milliseconds(50);
constexpr Duration kBetweenSearches = std::chrono::seconds(1);

class StackTrace : public TraceSource {
 public:
  StackTrace(std::string selector, bool name_calls, OnTraceEvent on)
      : selector_(std::move(selector)), name_calls_(name_calls), on_(std::move(on)) {}

  tl::expected<void, std::string> search() {
    searched_ = bpf::monotonic_now();
    const auto found = find_stacks(selector_);
    if (!found) return tl::unexpected(found.error());
    for (const StackAddress& address : *found) {
      if (!stacks_.contains(address.path)) begin(address);
    }
    return {};
  }

  tl::expected<void, std::string> step(Duration patience) override {
    const auto ms =
        std::chrono::duration_cast<std::chrono::milliseconds>(std::min(patience, kBetweenAsks));
    ::poll(nullptr, 0, static_cast<int>(ms.count()));
    if (bpf::monotonic_now() - searched_ >= kBetweenSearches) {
      const auto found = search();
      if (!found && stacks_.empty()) return found;
    }
    for (auto at = stacks_.begin(); at != stacks_.end();) {
      at = read(at->second, true) ? std::next(at) : stacks_.erase(at);
    }
    return {};
  }

  std::uint64_t lost() const override { return lost_; }
  std::vector<std::string> blind_spots() const override { return blind_; }

 private:
  struct One {
    ControlClient client;
    stack::control::Identity who;
    std::uint64_t next = 0;
  };

  void begin(const StackAddress& address) {
    auto client = ControlClient::open(address);
    if (!client) return bpf::add_once(blind_, client.error());
    auto who = client->identity();
    if (!who) return bpf::add_once(blind_, who.error());
    One one{std::move(*client), std::move(*who), 0};
    // What happened before is history: `estab ladder` and the doctor look at that.
    if (!read(one, false)) return;
    if (name_calls_) say_whether_recorded(one);
    stacks_.emplace(address.path, std::move(one));
  }

  // False: the stack has ended.
  bool read(One& one, bool told) {
    for (;;) {
      const auto events = one.client.events(one.next);
      if (!events) return false;
      if (told) lost_ += events->lost;
      one.next = events->next;
      if (events->events.empty()) return true;
      if (!told) continue;
      for (const LifecycleEvent& e : events->events) tell(one, e);
    }
  }

  void say_whether_recorded(One& one) {
    const auto none = one.client.call_site(0);
    if (!none) return bpf::add_once(blind_, none.error());
    if (none->recording) return;
    bpf::add_once(blind_, fmt::format("stack '{0}' records no calls, so that none is named: estab "
                                      "tuning --stack {1} record_call_sites=1 lets it",
                                      one.who.name, one.who.pid));
  }

  // Asked for after it happened: the stack keeps those of closed connections for a while.
  void name_call(One& one, TraceEvent& e) {
    const bool opens = e.event == Event::ActiveOpen;
    const bool closes = e.event == Event::Close || e.event == Event::Abort;
    if (e.connection == 0 || !(opens || closes)) return;
    const auto answer = one.client.call_site(e.connection);
    if (!answer || answer->sites.empty()) return;
    const auto& site = answer->sites.front();
    const auto functions = [&](std::uint32_t number) {
      std::vector<std::string> lines;
      for (const auto& stack : answer->stacks) {
        if (stack.number != number) continue;
        const auto& symbols = symbols_.of(one.client.process());
        lines = function_lines(bpf::named_stack(stack.frames, symbols, blind_));
      }
      return lines;
    };
    const bool fin = e.to == State::FinWait1 || e.to == State::LastAck;
    const std::uint32_t ended = fin && site.shut != 0 ? site.shut : site.closed;
    TraceCode code;
    code.called_by = functions(opens ? site.made : ended);
    if (!opens) code.made_by = functions(site.made);
    e.code = std::make_shared<const TraceCode>(std::move(code));
  }

  void tell(One& one, const LifecycleEvent& e) {
    TraceEvent out;
    out.kind = e.from == e.to ? TraceKind::Rule : TraceKind::Transition;
    out.at = e.at;
    out.wall_offset = one.who.wall_offset;
    out.connection = e.connection;
    out.tuple = e.tuple;
    out.pid = one.who.pid;
    out.command = one.who.command;
    out.stack = one.who.name;
    out.uid = one.who.uid;
    out.from = e.from;
    out.to = e.to;
    // A rule without a move has not ended the state, and what began CLOSED began nowhere.
    const bool child = e.from == State::Listen && e.to == State::SynReceived;
    if (e.from != State::Closed && !child) out.in_state = e.in_state;
    if (e.from != e.to) out.event = e.event;
    out.arrow = e.arrow;
    out.rule = e.rule;
    out.error = e.error;
    if (name_calls_) name_call(one, out);
    on_(out);
  }

  std::string selector_;
  const bool name_calls_;
  OnTraceEvent on_;
  bpf::ProcessSymbols symbols_;
  std::map<std::string, One> stacks_;
  Instant searched_{};
  std::uint64_t lost_ = 0;
  std::vector<std::string> blind_;
};

}  // namespace

tl::expected<TraceSourcePtr, std::string> trace_stacks(const std::string& selector, bool name_calls,
                                                       OnTraceEvent on) {
  auto source = std::make_unique<StackTrace>(selector, name_calls, std::move(on));
  if (auto found = source->search(); !found) return tl::unexpected(found.error());
  return source;
}

}  // namespace estab::observe
