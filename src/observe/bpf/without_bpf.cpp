// What answers in a build without clang or libbpf.
#include "observe/bpf/task_files.h"
#include "observe/bpf/tracer.h"

namespace estab::observe::bpf {
namespace {

tl::unexpected<std::string> without() {
  return tl::unexpected(std::string("this estab was built without BPF (no libbpf or no clang)"));
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

}  // namespace estab::observe::bpf
