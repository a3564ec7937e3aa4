// Which code of a running stack's process made a connection and used it last, from the call sites
// that the stack recorded (the knob record_call_sites). Symbols are read from the process.
//
//   auto recorded = client.call_sites();
//   StackCode code(*recorded, client.process());
//   if (auto text = code.of(connection.cookie)) ...  // "take_one() leaky.cpp:12, called by main ..."
#pragma once
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "observe/bpf/stacks.h"
#include "stack/control_protocol.h"

namespace estab::observe {

class StackCode {
 public:
  // `pid`: as this process numbers it; 0: it lives where its memory map cannot be seen.
  StackCode(stack::control::CallSites recorded, std::uint32_t pid);
  // Nothing: no call on it was recorded.
  std::optional<std::string> of(std::uint64_t connection);
  // Why functions were not named: a line each.
  const std::vector<std::string>& unnamed() const { return unnamed_; }

 private:
  std::vector<bpf::Frame> frames(std::uint32_t number);

  bpf::MaybeSymbols symbols_;
  std::unordered_map<std::uint64_t, stack::control::CallSite> sites_;
  std::unordered_map<std::uint32_t, std::vector<std::uint64_t>> stacks_;
  std::unordered_map<std::uint32_t, std::vector<bpf::Frame>> named_;
  std::vector<std::string> unnamed_;
};

// The same of any process, 0 too.
bpf::MaybeSymbols symbols_of_stack(std::uint32_t pid);

}  // namespace estab::observe
