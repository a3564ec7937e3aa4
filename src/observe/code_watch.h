// Which code made a socket and read it last, in words for a finding. Watches from open() on (BPF, so
// root or CAP_BPF with CAP_PERFMON): sockets made before that have no answer.
//
//   auto watch = CodeWatch::open();         // the error says why not, one line
//   watch->refresh();                       // once a look
//   if (auto code = watch->of(cookie)) ...  // "take_one() leaky.cpp:12, called by main ..."
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "observe/bpf/stacks.h"

namespace estab::observe {

class CodeWatch {
 public:
  static tl::expected<std::unique_ptr<CodeWatch>, std::string> open();
  // Reads what the kernel knows by now. The error is one line.
  tl::expected<void, std::string> refresh();
  // Nothing: the socket was made before the watch, or by a call that is not watched.
  std::optional<std::string> of(std::uint64_t cookie);
  // Why functions were not named since refresh(): a line each.
  const std::vector<std::string>& unnamed() const { return unnamed_; }

 private:
  explicit CodeWatch(bpf::Tracer tracer) : tracer_(std::move(tracer)) {}

  bpf::Tracer tracer_;
  bpf::ProcessSymbols symbols_;
  std::optional<bpf::StateClock> clock_;
  std::vector<std::string> unnamed_;
};

}  // namespace estab::observe
