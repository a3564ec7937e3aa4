// A BPF object of this build (CMake compiles each NAME.bpf.c and embeds it), and the links that hold
// its programs to the kernel. Errors are one line for the user.
#pragma once
#include <bpf/libbpf.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

namespace estab::observe::bpf {

template <class T>
using Expected = tl::expected<T, std::string>;

struct FreeObject {
  void operator()(bpf_object* o) const { bpf_object__close(o); }
};
struct FreeLink {
  void operator()(bpf_link* l) const { bpf_link__destroy(l); }
};
using ObjectPtr = std::unique_ptr<bpf_object, FreeObject>;
using LinkPtr = std::unique_ptr<bpf_link, FreeLink>;

// The embedded objects.
std::string_view trace_object();
std::string_view task_files_object();

// Opened, not loaded: programs can still be left out and constants set.
Expected<ObjectPtr> open_object(std::string_view image, const char* name);
Expected<void> load_object(bpf_object* object);

bpf_program* program(bpf_object* object, const char* name);  // never null: they are ours
bpf_map* map(bpf_object* object, const char* name);

// The bytes of a read-only or writable section (".rodata", ".bss"), to set before loading.
void* section(bpf_object* object, const char* suffix, std::size_t at_least);

// How many arguments the running kernel's tracepoint has, its own not counted; -1: it has none such.
int tracepoint_arguments(const char* name);

// Attaches to a system call's tracepoint without a mounted tracefs.
Expected<LinkPtr> attach_tracepoint(bpf_program* program, const char* category, const char* name);

// Everything that an iterator (link or pinned file) has to say.
Expected<std::vector<char>> read_all(int fd);
Expected<std::vector<char>> run_iterator(bpf_link* link);

// What to tell a user whom the kernel refused.
std::string refusal(int error, std::string_view doing);

}  // namespace estab::observe::bpf
