#include "observe/code_watch.h"

#include <algorithm>
#include <vector>

namespace estab::observe {
namespace {

constexpr std::size_t kFramesTold = 3;

bool of_c_library(const bpf::Frame& frame) {
  const std::string file = frame.module.substr(frame.module.rfind('/') + 1);
  return file.starts_with("libc.so") || file.starts_with("libc-") ||
         file.starts_with("libpthread") || file.starts_with("ld-linux");
}

// The C library's wrapper is no news, and what lies below main() neither.
std::vector<bpf::Frame> own_frames(const std::vector<bpf::Frame>& frames) {
  std::vector<bpf::Frame> own;
  for (const bpf::Frame& frame : frames) {
    if (of_c_library(frame)) continue;
    own.push_back(frame);
    if (frame.function == "main" || own.size() == kFramesTold) break;
  }
  return own;
}

std::string stack_text(const std::vector<bpf::Frame>& frames) {
  std::string text;
  for (const bpf::Frame& frame : own_frames(frames)) {
    if (!text.empty()) text += ", called by ";
    text += bpf::frame_text(frame);
  }
  return text;
}

}  // namespace

std::string code_text(const bpf::SocketCalls& calls) {
  const std::string made = stack_text(calls.made_by);
  if (made.empty()) return "";
  std::string text = made;
  const std::string read = stack_text(calls.read_by);
  text += read.empty() ? "; never read" : "; last read by " + read;
  if (!read.empty()) text += calls.eof_seen ? ", which saw the end" : ", the end not yet read";
  return text;
}

tl::expected<std::unique_ptr<CodeWatch>, std::string> CodeWatch::open() {
  bpf::TracerOptions with;
  with.events = false;
  with.stacks = true;
  auto tracer = bpf::Tracer::start(with);
  if (!tracer) return tl::unexpected(tracer.error());
  if (const auto shared = tracer->share(); !shared) return tl::unexpected(shared.error());
  return std::unique_ptr<CodeWatch>(new CodeWatch(std::move(*tracer)));
}

tl::expected<void, std::string> CodeWatch::refresh() {
  auto clock = bpf::StateClock::read();
  if (!clock) return tl::unexpected(clock.error());
  clock_ = std::move(*clock);
  named_.clear();  // a process may have loaded more, or be another one with its number
  return {};
}

std::optional<std::string> CodeWatch::of(std::uint64_t cookie) {
  const bpf::SocketLife* life = clock_ ? clock_->of(cookie) : nullptr;
  if (life == nullptr || life->made_stack < 0) return std::nullopt;
  const Place place{life->owner, life->made_stack, life->read_stack, life->eof_seen};
  const auto known = named_.find(place);
  if (known != named_.end()) return known->second;
  const std::string text = code_text(bpf::socket_calls(tracer_, cookie, *life));
  return named_[place] = text.empty() ? std::nullopt : std::optional(text);
}

}  // namespace estab::observe
