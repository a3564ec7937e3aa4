// The compiled BPF programs, inside the command: one file goes anywhere.
#include "observe/bpf/object.h"

// CMake gives the paths (cmake/Bpf.cmake).
#define ESTAB_EMBED(symbol, path)                                        \
  asm(".pushsection .rodata\n.balign 16\n" #symbol                       \
      "_begin:\n"                                                        \
      ".incbin \"" path "\"\n" #symbol "_end:\n.byte 0\n.popsection\n"); \
  extern "C" const char symbol##_begin[];                                \
  extern "C" const char symbol##_end[]

ESTAB_EMBED(estab_bpf_trace, ESTAB_BPF_TRACE);
ESTAB_EMBED(estab_bpf_task_files, ESTAB_BPF_TASK_FILES);

namespace estab::observe::bpf {

std::string_view trace_object() {
  return {estab_bpf_trace_begin,
          static_cast<std::size_t>(estab_bpf_trace_end - estab_bpf_trace_begin)};
}
std::string_view task_files_object() {
  return {estab_bpf_task_files_begin,
          static_cast<std::size_t>(estab_bpf_task_files_end - estab_bpf_task_files_begin)};
}

}  // namespace estab::observe::bpf
