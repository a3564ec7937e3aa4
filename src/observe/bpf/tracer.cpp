#include "observe/bpf/tracer.h"

#include <bpf/bpf.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <iterator>
#include <numeric>
#include <optional>
#include <utility>

#include "observe/bpf/object.h"
#include "observe/bpf/pins.h"
#include "observe/linux/namespaces.h"

namespace estab::observe::bpf {
namespace {

constexpr std::size_t kFrames = 127;

struct FreeRing {
  void operator()(ring_buffer* r) const { ring_buffer__free(r); }
};

std::uint32_t kinds_of(const TracerOptions& options) {
  if (!options.events) return 0;
  // Resets tell why a connection ended, whether they are shown or not.
  std::uint32_t kinds =
      1u << RAW_STATE | 1u << RAW_RESET_SENT | 1u << RAW_SYNACK_AGAIN | 1u << RAW_FIN_DROPPED;
  if (options.resets) kinds |= 1u << RAW_RESET_RECEIVED;
  if (options.retransmits) kinds |= 1u << RAW_RETRANSMIT;
  return kinds;
}

struct Attachment {
  const char* program;
  const char* tracepoint;
  std::uint32_t kind;  // bit that asks for it; 0: always
  int arguments;       // that the tracepoint has at least
  int below;           // and fewer than these
  const char* without;
};
constexpr int kAny = 99;
constexpr Attachment kAttachments[] = {
    {"on_state", "inet_sock_set_state", 0, 3, kAny, "transitions"},
    {"on_reset_sent", "tcp_send_reset", 1u << RAW_RESET_SENT, 3, kAny, ""},
    {"on_reset_sent_plain", "tcp_send_reset", 1u << RAW_RESET_SENT, 2, 3, ""},
    {"on_reset_received", "tcp_receive_reset", 1u << RAW_RESET_RECEIVED, 1, kAny,
     "resets received"},
    {"on_retransmit", "tcp_retransmit_skb", 1u << RAW_RETRANSMIT, 2, kAny, "retransmissions"},
    {"on_synack_again", "tcp_retransmit_synack", 1u << RAW_SYNACK_AGAIN, 2, kAny,
     "repeated SYN,ACKs"},
    {"on_dropped", "kfree_skb", 1u << RAW_FIN_DROPPED, 1, kAny, "when TIME-WAIT begins"},
};

}  // namespace

struct Tracer::Impl {
  TracerOptions options;
  ObjectPtr object;
  std::vector<std::pair<std::string, LinkPtr>> links;
  LinkPtr sockets, gone;
  std::unique_ptr<ring_buffer, FreeRing> ring;
  std::vector<std::string> blind;
  std::optional<PinFolder> shared;
  const OnRawEvent* on = nullptr;

  Expected<void> open();
  Expected<void> attach();
  Expected<void> attach_accepts();
  Expected<void> meet_those_here();
  Expected<void> open_readers();
  Expected<void> pin_readers(const PinFolder& folder);
  void choose_programs();
  void set_listening(std::uint32_t listening);
};

namespace {

int hand_out(void* self, void* data, std::size_t size) {
  const auto* impl = static_cast<Tracer::Impl*>(self);
  if (size < sizeof(raw_event) || impl->on == nullptr) return 0;
  raw_event event;
  std::memcpy(&event, data, sizeof event);
  (*impl->on)(event);
  return 0;
}

Expected<LinkPtr> map_reader(bpf_object* object, const char* reader, const char* of) {
  bpf_iter_link_info info{};
  info.map.map_fd = static_cast<std::uint32_t>(bpf_map__fd(map(object, of)));
  bpf_iter_attach_opts options{};
  options.sz = sizeof options;
  options.link_info = &info;
  options.link_info_len = sizeof info;
  bpf_link* link = bpf_program__attach_iter(program(object, reader), &options);
  if (link == nullptr) return tl::unexpected(refusal(errno, "attach a BPF iterator"));
  return LinkPtr(link);
}

}  // namespace

void Tracer::Impl::choose_programs() {
  const std::uint32_t kinds = kinds_of(options);
  for (const Attachment& a : kAttachments) {
    const int arguments = tracepoint_arguments(a.tracepoint);
    const bool wanted = a.kind == 0 || (kinds & a.kind) != 0;
    const bool fits = arguments >= a.arguments && arguments < a.below;
    bpf_program__set_autoload(program(object.get(), a.program), wanted && fits);
    if (wanted && !fits && *a.without != 0) {
      blind.push_back(std::string("this kernel does not tell of ") + a.without);
    }
  }
  const bool wants_reads = options.stacks && !options.events;
  const bool reads = wants_reads && tracepoint_arguments("sock_recv_length") >= 2;
  bpf_program__set_autoload(program(object.get(), "on_read"), reads);
  if (wants_reads && !reads) blind.emplace_back("this kernel does not tell of reads");
  // A storage or a stack map that nothing needs takes no room.
  if (!options.stacks) {
    bpf_map__set_max_entries(map(object.get(), "stacks"), 1);
    bpf_map__set_max_entries(map(object.get(), "tops"), 1);
  }
  if (!options.events) bpf_map__set_max_entries(map(object.get(), "events"), 4096);
}

Expected<void> Tracer::Impl::open() {
  auto opened = open_object(trace_object(), "estab_trace");
  if (!opened) return tl::unexpected(opened.error());
  object = std::move(*opened);
  auto* constants =
      static_cast<raw_constants*>(section(object.get(), ".rodata", sizeof(raw_constants)));
  if (constants == nullptr) return tl::unexpected(std::string("the BPF object has no constants"));
  constants->only_netns = options.all_namespaces ? 0 : own_network_namespace();
  constants->kinds = kinds_of(options);
  constants->with_stacks = options.stacks;
  constants->process_namespace = own_process_namespace();
  if (constants->process_namespace != 0) {
    blind.emplace_back(
        "this is a process namespace of its own: processes outside of it are not named");
  }
  choose_programs();
  return load_object(object.get());
}

Expected<void> Tracer::Impl::attach() {
  const auto attach_one = [&](const char* name) -> Expected<void> {
    bpf_program* one = program(object.get(), name);
    if (!bpf_program__autoload(one)) return {};
    bpf_link* link = bpf_program__attach(one);
    if (link == nullptr) return tl::unexpected(refusal(errno, std::string("attach ") + name));
    links.emplace_back(name, LinkPtr(link));
    return {};
  };
  for (const Attachment& a : kAttachments) {
    if (auto done = attach_one(a.program); !done) return done;
  }
  return attach_one("on_read");
}

Expected<void> Tracer::Impl::attach_accepts() {
  for (const auto& [name, call] :
       {std::pair("on_accept", "sys_exit_accept"), std::pair("on_accept4", "sys_exit_accept4")}) {
    auto link = attach_tracepoint(program(object.get(), name), "syscalls", call);
    if (!link) return tl::unexpected(link.error());
    links.emplace_back(name, std::move(*link));
  }
  return {};
}

// Runs the walk for what it does on its way; it says nothing.
Expected<void> Tracer::Impl::meet_those_here() {
  LinkPtr link(bpf_program__attach_iter(program(object.get(), "meet_those_here"), nullptr));
  if (link == nullptr) return tl::unexpected(refusal(errno, "attach a BPF iterator"));
  auto nothing = run_iterator(link.get());
  if (!nothing) return tl::unexpected(nothing.error());
  return {};
}

Expected<void> Tracer::Impl::open_readers() {
  if (sockets != nullptr) return {};
  LinkPtr of_sockets(bpf_program__attach_iter(program(object.get(), "read_lives"), nullptr));
  if (of_sockets == nullptr) return tl::unexpected(refusal(errno, "attach a BPF iterator"));
  auto of_gone = map_reader(object.get(), "read_gone", "gone");
  if (!of_gone) return tl::unexpected(of_gone.error());
  sockets = std::move(of_sockets);
  gone = std::move(*of_gone);
  return {};
}

Expected<void> Tracer::Impl::pin_readers(const PinFolder& folder) {
  if (auto pinned = folder.pin(sockets.get(), "sockets"); !pinned) return pinned;
  return folder.pin(gone.get(), "gone");
}

void Tracer::Impl::set_listening(std::uint32_t listening) {
  const std::uint32_t zero = 0;
  bpf_map* one = nullptr;
  bpf_object__for_each_map(one, object.get()) {
    const std::string_view name = bpf_map__name(one);
    if (name.ends_with(".data")) {
      bpf_map_update_elem(bpf_map__fd(one), &zero, &listening, BPF_ANY);
    }
  }
}

Tracer::Tracer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Tracer::~Tracer() = default;
Tracer::Tracer(Tracer&&) noexcept = default;
Tracer& Tracer::operator=(Tracer&&) noexcept = default;

tl::expected<Tracer, std::string> Tracer::start(const TracerOptions& options) {
  auto impl = std::make_unique<Impl>();
  impl->options = options;
  if (auto opened = impl->open(); !opened) return tl::unexpected(opened.error());
  const int events = bpf_map__fd(map(impl->object.get(), "events"));
  impl->ring.reset(ring_buffer__new(events, hand_out, impl.get(), nullptr));
  if (impl->ring == nullptr) return tl::unexpected(refusal(errno, "open the ring buffer"));
  if (auto done = impl->attach(); !done) return tl::unexpected(done.error());
  if (auto done = impl->attach_accepts(); !done) {
    impl->blind.push_back(done.error() +
                          ": what was accepted is shown with its listener's process");
  }
  if (auto done = impl->meet_those_here(); !done) {
    impl->blind.push_back(done.error() + ": sockets from before have no owner");
  }
  return Tracer(std::move(impl));
}

tl::expected<void, std::string> Tracer::poll(Duration patience, const OnRawEvent& on) {
  impl_->on = &on;
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(patience).count();
  // The kernel wakes us only for much: what little there is is taken when the time is over.
  int got = ring_buffer__poll(impl_->ring.get(), static_cast<int>(ms));
  if (got == 0) got = ring_buffer__consume(impl_->ring.get());
  impl_->on = nullptr;
  if (got < 0 && got != -EINTR) return tl::unexpected(refusal(got, "read the ring buffer"));
  return {};
}

std::uint64_t Tracer::lost() const {
  const int processors = libbpf_num_possible_cpus();
  if (processors <= 0) return 0;
  std::vector<std::uint64_t> each(static_cast<std::size_t>(processors));
  const std::uint32_t zero = 0;
  if (bpf_map_lookup_elem(bpf_map__fd(map(impl_->object.get(), "lost")), &zero, each.data()) != 0) {
    return 0;
  }
  return std::accumulate(each.begin(), each.end(), std::uint64_t{0});
}

std::vector<std::string> Tracer::blind_spots() const { return impl_->blind; }

tl::expected<void, std::string> Tracer::share() {
  if (auto opened = impl_->open_readers(); !opened) return tl::unexpected(opened.error());
  auto folder = PinFolder::make(own_pins());
  if (!folder) return tl::unexpected(folder.error());
  if (auto pinned = impl_->pin_readers(*folder); !pinned) return tl::unexpected(pinned.error());
  impl_->shared = std::move(*folder);
  return {};
}

tl::expected<void, std::string> Tracer::keep() {
  if (auto opened = impl_->open_readers(); !opened) return tl::unexpected(opened.error());
  impl_->shared.reset();  // a link is pinned once
  auto folder = PinFolder::make(kKept);
  if (!folder) return tl::unexpected(folder.error());
  if (auto pinned = impl_->pin_readers(*folder); !pinned) return tl::unexpected(pinned.error());
  for (auto& [name, link] : impl_->links) {
    auto pinned = folder->pin(link.get(), name);
    // Before Linux 5.15 perf events can't be pinned; owners are learnt later then.
    if (!pinned && !name.starts_with("on_accept")) return pinned;
  }
  impl_->set_listening(0);
  folder->leave();
  return {};
}

tl::expected<StackFrames, std::string> Tracer::stack(std::int32_t number) const {
  StackFrames frames(kFrames);
  const auto key = static_cast<std::uint32_t>(number);
  const int fd = bpf_map__fd(map(impl_->object.get(), "stacks"));
  if (number < 0 || bpf_map_lookup_elem(fd, &key, frames.data()) != 0) {
    return tl::unexpected(std::string("no stack was kept"));
  }
  while (!frames.empty() && frames.back() == 0) frames.pop_back();
  return frames;
}

StackFrames Tracer::stack_top(std::uint64_t cookie, std::uint32_t call) const {
  const raw_top_key key{cookie, call, 0};
  raw_top top{};
  if (bpf_map_lookup_elem(bpf_map__fd(map(impl_->object.get(), "tops")), &key, &top) != 0)
    return {};
  return {std::begin(top.words), std::end(top.words)};
}

}  // namespace estab::observe::bpf
