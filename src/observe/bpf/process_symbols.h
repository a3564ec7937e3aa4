// The symbols of several processes, each read once in a while, and stacks named by them.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "estab/time.h"
#include "observe/bpf/symbols.h"

namespace estab::observe::bpf {

using MaybeSymbols = tl::expected<Symbols, std::string>;

class ProcessSymbols {
 public:
  // Of this process as it is, or lately was: a process that has ended since keeps its names.
  const MaybeSymbols& of(std::uint32_t pid);

 private:
  struct Known {
    MaybeSymbols symbols;
    Instant read;
  };
  std::map<std::uint32_t, Known> known_;
};

// `addresses`: return addresses, innermost first. `unnamed` gains a line for each reason why some
// have no name.
std::vector<Frame> named_stack(const std::vector<std::uint64_t>& addresses,
                               const MaybeSymbols& symbols, std::vector<std::string>& unnamed);
void add_once(std::vector<std::string>& to, std::string line);

}  // namespace estab::observe::bpf
