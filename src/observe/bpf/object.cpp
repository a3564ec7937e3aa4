#include "observe/bpf/object.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace estab::observe::bpf {
namespace {

tl::unexpected<std::string> wrong(std::string text) { return tl::unexpected(std::move(text)); }

// libbpf's own talk is for its programmers: off, save for who looks for a fault in ours.
int talk(enum libbpf_print_level level, const char* format, va_list values) {
  static const bool wanted = std::getenv("ESTAB_BPF_LOG") != nullptr;
  return wanted && level <= LIBBPF_INFO ? std::vfprintf(stderr, format, values) : 0;
}

struct BtfDeleter {
  void operator()(btf* b) const { btf__free(b); }
};

// A mount of tracefs that nobody else sees, as a directory; -1 when there is none to be had.
int private_tracefs() {
  const long context = ::syscall(SYS_fsopen, "tracefs", 1 /* FSOPEN_CLOEXEC */);
  if (context < 0) return -1;
  const int fd = static_cast<int>(context);
  long mounted = -1;
  if (::syscall(SYS_fsconfig, fd, 6 /* FSCONFIG_CMD_CREATE */, nullptr, nullptr, 0) == 0) {
    mounted = ::syscall(SYS_fsmount, fd, 1 /* FSMOUNT_CLOEXEC */, 0);
  }
  ::close(fd);
  return static_cast<int>(mounted);
}

int tracefs() {
  for (const char* path : {"/sys/kernel/tracing", "/sys/kernel/debug/tracing"}) {
    const int fd = ::open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) continue;
    if (::faccessat(fd, "events", F_OK, 0) == 0) return fd;
    ::close(fd);
  }
  return private_tracefs();
}

// The kernel's number of a tracepoint; 0: not to be had.
std::uint64_t tracepoint_number(const char* category, const char* name) {
  const int root = tracefs();
  if (root < 0) return 0;
  const std::string path = std::string("events/") + category + "/" + name + "/id";
  const int fd = ::openat(root, path.c_str(), O_RDONLY | O_CLOEXEC);
  ::close(root);
  if (fd < 0) return 0;
  std::array<char, 32> text{};
  const ssize_t n = ::read(fd, text.data(), text.size() - 1);
  ::close(fd);
  return n > 0 ? std::strtoull(text.data(), nullptr, 10) : 0;
}

}  // namespace

std::string refusal(int error, std::string_view doing) {
  error = std::abs(error);
  std::string text = std::string("cannot ") + std::string(doing) + ": " + std::strerror(error);
  if (error == EPERM || error == EACCES) {
    text += ::geteuid() == 0 ? " (needs CAP_BPF and CAP_PERFMON of the first user namespace, and a "
                               "container that permits bpf())"
                             : " (needs root, or CAP_BPF and CAP_PERFMON)";
  }
  if (error == ENOENT || error == ESRCH) text += " (the kernel has no BTF, or lacks a tracepoint)";
  return text;
}

Expected<ObjectPtr> open_object(std::string_view image, const char* name) {
  libbpf_set_print(talk);
  bpf_object_open_opts options{};
  options.sz = sizeof options;
  options.object_name = name;
  bpf_object* object = bpf_object__open_mem(image.data(), image.size(), &options);
  if (object == nullptr) return wrong(refusal(errno, "read the built-in BPF object"));
  return ObjectPtr(object);
}

Expected<void> load_object(bpf_object* object) {
  const int error = bpf_object__load(object);
  if (error != 0) return wrong(refusal(error, "load BPF programs"));
  return {};
}

bpf_program* program(bpf_object* object, const char* name) {
  return bpf_object__find_program_by_name(object, name);
}
bpf_map* map(bpf_object* object, const char* name) {
  return bpf_object__find_map_by_name(object, name);
}

void* section(bpf_object* object, const char* suffix, std::size_t at_least) {
  bpf_map* one = nullptr;
  bpf_object__for_each_map(one, object) {
    const std::string_view name = bpf_map__name(one);
    if (!name.ends_with(suffix)) continue;
    std::size_t size = 0;
    void* bytes = const_cast<void*>(bpf_map__initial_value(one, &size));
    if (bytes != nullptr && size >= at_least) return bytes;
  }
  return nullptr;
}

int tracepoint_arguments(const char* name) {
  static const std::unique_ptr<btf, BtfDeleter> kernel(btf__load_vmlinux_btf());
  if (kernel == nullptr) return -1;
  const std::string full = std::string("btf_trace_") + name;
  const int id = btf__find_by_name_kind(kernel.get(), full.c_str(), BTF_KIND_TYPEDEF);
  if (id < 0) return -1;
  const btf_type* type = btf__type_by_id(kernel.get(), static_cast<__u32>(id));
  type = btf__type_by_id(kernel.get(), type->type);  // the pointer
  if (type != nullptr) type = btf__type_by_id(kernel.get(), type->type);
  if (type == nullptr || !btf_is_func_proto(type)) return -1;
  return btf_vlen(type) - 1;
}

Expected<LinkPtr> attach_tracepoint(bpf_program* program, const char* category, const char* name) {
  const std::uint64_t number = tracepoint_number(category, name);
  if (number == 0) return wrong(std::string("no tracepoint ") + category + ":" + name);
  perf_event_attr attributes{};
  attributes.type = PERF_TYPE_TRACEPOINT;
  attributes.size = sizeof attributes;
  attributes.config = number;
  const long fd = ::syscall(SYS_perf_event_open, &attributes, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
  if (fd < 0) return wrong(refusal(errno, std::string("open tracepoint ") + name));
  bpf_link* link = bpf_program__attach_perf_event(program, static_cast<int>(fd));
  if (link == nullptr) {
    const int error = errno;
    ::close(static_cast<int>(fd));
    return wrong(refusal(error, std::string("attach to tracepoint ") + name));
  }
  return LinkPtr(link);
}

Expected<std::vector<char>> read_all(int fd) {
  std::vector<char> all;
  std::size_t have = 0;
  for (;;) {
    if (all.size() - have < 65536) all.resize(all.empty() ? 1 << 20 : all.size() * 2);
    const ssize_t n = ::read(fd, all.data() + have, all.size() - have);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) continue;  // an iterator's table moved under it
    if (n < 0) return wrong(refusal(errno, "read from a BPF iterator"));
    if (n == 0) break;
    have += static_cast<std::size_t>(n);
  }
  all.resize(have);
  return all;
}

Expected<std::vector<char>> run_iterator(bpf_link* link) {
  const int fd = bpf_iter_create(bpf_link__fd(link));
  if (fd < 0) return wrong(refusal(fd, "start a BPF iterator"));
  auto all = read_all(fd);
  ::close(fd);
  return all;
}

}  // namespace estab::observe::bpf
