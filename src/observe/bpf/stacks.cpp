#include "observe/bpf/stacks.h"

#include <fmt/format.h>

#include <algorithm>

namespace estab::observe::bpf {
namespace {

void add_once(std::vector<std::string>& to, std::string line) {
  if (std::find(to.begin(), to.end(), line) == to.end()) to.push_back(std::move(line));
}

using MaybeSymbols = tl::expected<Symbols, std::string>;

// The C library's wrappers keep no frame: their caller is found on top of the stack, as the first
// address there that lies in a function of another file.
void add_caller(std::vector<Frame>& frames, const StackFrames& top, const Symbols& symbols,
                std::uint64_t next) {
  for (const std::uint64_t word : top) {
    if (word == next || frames.empty()) return;
    Frame frame = symbols.at(word, true);
    if (frame.function.empty() || frame.module == frames.front().module) continue;
    frames.push_back(std::move(frame));
    return;
  }
}

class Stack {
 public:
  Stack(const Tracer& tracer, std::uint64_t cookie, std::vector<std::string>& unnamed)
      : tracer_(tracer), cookie_(cookie), unnamed_(unnamed) {}

  std::vector<Frame> frames(std::int32_t number, bool read, const MaybeSymbols& symbols) const {
    std::vector<Frame> frames;
    const auto stack = tracer_.stack(number);
    if (!stack) return frames;
    for (const std::uint64_t address : *stack) {
      if (!symbols) {
        frames.push_back({address, "", "", 0, ""});
        continue;
      }
      Frame frame = symbols->at(address, true);
      if (frame.function.empty()) complain(frame);
      frames.push_back(std::move(frame));
      const std::uint64_t next = stack->size() > 1 ? (*stack)[1] : 0;
      if (frames.size() == 1) add_caller(frames, tracer_.stack_top(cookie_, read), *symbols, next);
    }
    if (symbols && stack->size() < 2) {
      add_once(unnamed_, "the stack ends early: no frame pointers (-fno-omit-frame-pointer)?");
    }
    return frames;
  }

 private:
  void complain(const Frame& frame) const {
    add_once(unnamed_,
             frame.module.empty()
                 ? "an address in no mapped file: code made at run time, or no frame pointers"
                 : frame.module + " has no symbol for an address: stripped?");
  }

  const Tracer& tracer_;
  std::uint64_t cookie_;
  std::vector<std::string>& unnamed_;
};

}  // namespace

SocketCalls socket_calls(const Tracer& tracer, std::uint64_t cookie, const SocketLife& life) {
  SocketCalls calls;
  calls.eof_seen = life.eof_seen;
  calls.reader = life.reader;
  const Stack stack(tracer, cookie, calls.unnamed);
  const auto maker = Symbols::of_process(life.owner);
  if (!maker) add_once(calls.unnamed, maker.error());
  calls.made_by = stack.frames(life.made_stack, false, maker);
  if (life.reader == 0 || life.reader == life.owner) {
    calls.read_by = stack.frames(life.read_stack, true, maker);
    return calls;
  }
  const auto reader = Symbols::of_process(life.reader);
  if (!reader) add_once(calls.unnamed, reader.error());
  calls.read_by = stack.frames(life.read_stack, true, reader);
  return calls;
}

}  // namespace estab::observe::bpf
