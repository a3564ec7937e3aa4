#include "observe/stack_code.h"

#include <fmt/format.h>

#include <utility>

#include "observe/code_text.h"

namespace estab::observe {

bpf::MaybeSymbols symbols_of_stack(std::uint32_t pid) {
  if (pid != 0) return bpf::Symbols::of_process(pid);
  return tl::unexpected(
      std::string("the stack's process is in no process namespace of this one: its functions have "
                  "no names"));
}

StackCode::StackCode(stack::control::CallSites recorded, std::uint32_t pid)
    : symbols_(symbols_of_stack(pid)) {
  for (auto& site : recorded.sites) sites_.emplace(site.connection, site);
  for (auto& stack : recorded.stacks) stacks_.emplace(stack.number, std::move(stack.frames));
  if (recorded.lost != 0) {
    unnamed_.push_back(
        fmt::format("{} calls were not recorded: too many different stacks", recorded.lost));
  }
}

std::vector<bpf::Frame> StackCode::frames(std::uint32_t number) {
  const auto known = named_.find(number);
  if (known != named_.end()) return known->second;
  const auto stack = stacks_.find(number);
  if (stack == stacks_.end()) return {};
  return named_[number] = bpf::named_stack(stack->second, symbols_, unnamed_);
}

std::optional<std::string> StackCode::of(std::uint64_t connection) {
  const auto found = sites_.find(connection);
  if (found == sites_.end()) return std::nullopt;
  const stack::control::CallSite& site = found->second;
  bpf::SocketCalls calls;
  calls.made_by = frames(site.made);
  calls.read_by = frames(site.read);
  calls.written_by = frames(site.written);
  calls.eof_seen = site.eof_read;
  return code_text(calls, "made before calls were recorded");
}

}  // namespace estab::observe
