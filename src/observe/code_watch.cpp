#include "observe/code_watch.h"

#include "observe/code_text.h"

namespace estab::observe {

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
  unnamed_.clear();
  return {};
}

std::optional<std::string> CodeWatch::of(std::uint64_t cookie) {
  const bpf::SocketLife* life = clock_ ? clock_->of(cookie) : nullptr;
  if (life == nullptr || life->made_stack < 0) return std::nullopt;
  const auto calls = bpf::socket_calls(tracer_, cookie, *life, symbols_);
  for (const std::string& line : calls.unnamed) bpf::add_once(unnamed_, line);
  const std::string text = code_text(calls);
  return text.empty() ? std::nullopt : std::optional(text);
}

}  // namespace estab::observe
