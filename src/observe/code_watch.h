// Which code made a socket and read it last, in words for a finding. Watches from open() on (BPF, so
// root or CAP_BPF with CAP_PERFMON): sockets made before that have no answer.
//
//   auto watch = CodeWatch::open();         // the error says why not, one line
//   watch->refresh();                       // once a look
//   if (auto code = watch->of(cookie)) ...  // "take_one() leaky.cpp:12, called by main ..."
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <tuple>

#include "observe/bpf/stacks.h"

namespace estab::observe {

class CodeWatch {
 public:
  static tl::expected<std::unique_ptr<CodeWatch>, std::string> open();
  // Reads what the kernel knows by now. The error is one line.
  tl::expected<void, std::string> refresh();
  // Nothing: the socket was made before the watch, or by a call that is not watched.
  std::optional<std::string> of(std::uint64_t cookie);

 private:
  explicit CodeWatch(bpf::Tracer tracer) : tracer_(std::move(tracer)) {}

  bpf::Tracer tracer_;
  std::optional<bpf::StateClock> clock_;
  // A leak has thousands of sockets and one or two places: names are looked up once for each. By
  // process, both stacks and whether the end of the stream was read.
  using Place = std::tuple<std::uint32_t, std::int32_t, std::int32_t, bool>;
  std::map<Place, std::optional<std::string>> named_;
};

// The innermost frames that are the program's own, as one line; "" when there are none.
std::string code_text(const bpf::SocketCalls& calls);

}  // namespace estab::observe
