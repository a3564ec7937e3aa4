// What answers in a build without clang or libbpf.
#include "observe/bpf/stacks.h"
#include "observe/bpf/task_files.h"
#include "observe/bpf/tracer.h"

namespace estab::observe::bpf {
namespace {

tl::unexpected<std::string> without() {
  return tl::unexpected(
      std::string("this estab was built without BPF (no clang, libbpf or libdw)"));
}

}  // namespace

tl::expected<std::vector<OwnerRow>, std::string> task_files() { return without(); }

struct Tracer::Impl {};
Tracer::Tracer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Tracer::~Tracer() = default;
Tracer::Tracer(Tracer&&) noexcept = default;
Tracer& Tracer::operator=(Tracer&&) noexcept = default;
tl::expected<Tracer, std::string> Tracer::start(const TracerOptions&) { return without(); }
tl::expected<void, std::string> Tracer::poll(Duration, const OnRawEvent&) { return without(); }
std::uint64_t Tracer::lost() const { return 0; }
std::vector<std::string> Tracer::blind_spots() const { return {}; }
tl::expected<void, std::string> Tracer::share() { return without(); }
tl::expected<void, std::string> Tracer::keep() { return without(); }
tl::expected<StackFrames, std::string> Tracer::stack(std::int32_t) const { return without(); }

StackFrames Tracer::stack_top(std::uint64_t, std::uint32_t) const { return {}; }
std::vector<Frame> kernel_stack(const Tracer&, const StackAsked&, ProcessSymbols&,
                                std::vector<std::string>&) {
  return {};
}
SocketCalls socket_calls(const Tracer&, std::uint64_t, const SocketLife&, ProcessSymbols&) {
  return {};
}

struct Symbols::Impl {};
Symbols::Symbols(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Symbols::Symbols(Symbols&&) noexcept = default;
Symbols& Symbols::operator=(Symbols&&) noexcept = default;
Symbols::~Symbols() = default;
tl::expected<Symbols, std::string> Symbols::of_process(std::uint32_t) { return without(); }
Frame Symbols::at(std::uint64_t address, bool) const { return {address, "", "", 0, ""}; }
std::string frame_text(const Frame&) { return ""; }

}  // namespace estab::observe::bpf
