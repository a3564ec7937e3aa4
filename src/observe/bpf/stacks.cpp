#include "observe/bpf/stacks.h"

#include <utility>

namespace estab::observe::bpf {
namespace {

// The C library's wrappers keep no frame: their caller is found on top of the stack, as the first
// address there that lies in a function of another file.
std::optional<Frame> wrapper_caller(const Frame& wrapper, const StackFrames& top,
                                    const Symbols& symbols, std::uint64_t next) {
  for (const std::uint64_t word : top) {
    if (word == next) return std::nullopt;
    Frame frame = symbols.at(word, true);
    if (!frame.function.empty() && frame.module != wrapper.module) return frame;
  }
  return std::nullopt;
}

}  // namespace

std::vector<Frame> kernel_stack(const Tracer& tracer, const StackAsked& asked,
                                ProcessSymbols& symbols, std::vector<std::string>& unnamed) {
  const auto stack = tracer.stack(asked.number);
  if (!stack || stack->empty()) return {};
  const MaybeSymbols& names = symbols.of(asked.pid);
  std::vector<Frame> frames = named_stack(*stack, names, unnamed);
  if (!names) return frames;
  const std::uint64_t next = stack->size() > 1 ? (*stack)[1] : 0;
  auto caller =
      wrapper_caller(frames.front(), tracer.stack_top(asked.cookie, asked.call), *names, next);
  if (caller) frames.insert(frames.begin() + 1, std::move(*caller));
  if (stack->size() < 2) {
    add_once(unnamed, "the stack ends early: no frame pointers (-fno-omit-frame-pointer)?");
  }
  return frames;
}

SocketCalls socket_calls(const Tracer& tracer, std::uint64_t cookie, const SocketLife& life,
                         ProcessSymbols& symbols) {
  SocketCalls calls;
  calls.eof_seen = life.eof_seen;
  calls.reader = life.reader;
  calls.made_by = kernel_stack(tracer, {cookie, RAW_TOP_MADE, life.made_stack, life.owner}, symbols,
                               calls.unnamed);
  const std::uint32_t reader = life.reader != 0 ? life.reader : life.owner;
  calls.read_by =
      kernel_stack(tracer, {cookie, RAW_TOP_READ, life.read_stack, reader}, symbols, calls.unnamed);
  return calls;
}

}  // namespace estab::observe::bpf
