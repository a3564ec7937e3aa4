#include "observe/bpf/process_symbols.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "observe/bpf/state_clock.h"

namespace estab::observe::bpf {
namespace {

// After this a process may have loaded more, or be another one with its number.
constexpr Duration kFresh = std::chrono::seconds(5);
constexpr std::size_t kMostProcesses = 1024;

std::string complaint(const Frame& frame) {
  if (frame.module.empty()) {
    return "an address in no mapped file: code made at run time, or no frame pointers";
  }
  return frame.module + " has no symbol for an address: stripped?";
}

}  // namespace

void add_once(std::vector<std::string>& to, std::string line) {
  if (std::find(to.begin(), to.end(), line) == to.end()) to.push_back(std::move(line));
}

const MaybeSymbols& ProcessSymbols::of(std::uint32_t pid) {
  const Instant now = monotonic_now();
  const auto found = known_.find(pid);
  if (found != known_.end() && now - found->second.read < kFresh) return found->second.symbols;
  auto symbols = Symbols::of_process(pid);
  if (found == known_.end()) {
    if (known_.size() == kMostProcesses) known_.clear();
    return known_.emplace(pid, Known{std::move(symbols), now}).first->second.symbols;
  }
  found->second.read = now;
  if (symbols) found->second.symbols = std::move(symbols);
  return found->second.symbols;
}

std::vector<Frame> named_stack(const std::vector<std::uint64_t>& addresses,
                               const MaybeSymbols& symbols, std::vector<std::string>& unnamed) {
  std::vector<Frame> frames;
  if (!symbols && !addresses.empty()) add_once(unnamed, symbols.error());
  for (const std::uint64_t address : addresses) {
    frames.push_back(symbols ? symbols->at(address, true) : Frame{address, "", "", 0, ""});
    if (symbols && frames.back().function.empty()) add_once(unnamed, complaint(frames.back()));
  }
  return frames;
}

}  // namespace estab::observe::bpf
