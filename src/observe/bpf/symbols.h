// Addresses of a running process as functions, files and lines: by libdw, from the process's maps
// and the ELF and DWARF of what is mapped.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <tl/expected.hpp>
#include <vector>

namespace estab::observe::bpf {

struct Frame {
  std::uint64_t address = 0;
  std::string function;  // demangled; empty: no name
  std::string file;      // of the source; empty: no line known
  int line = 0;
  std::string module;  // what is mapped there, "/usr/bin/x"; empty: nothing is
};

// One process's symbols, read once. Follows the process into its own root directory.
class Symbols {
 public:
  // The error is one line: the process has ended, or may not be looked into, or built without libdw.
  static tl::expected<Symbols, std::string> of_process(std::uint32_t pid);
  Symbols(Symbols&&) noexcept;
  Symbols& operator=(Symbols&&) noexcept;
  ~Symbols();

  // `is_return`: the address follows a call, so that the line is that of the call before it.
  Frame at(std::uint64_t address, bool is_return) const;

  struct Impl;

 private:
  explicit Symbols(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// "serve_client(int) server.cpp:41", "read+0x1d (libc.so.6)", "0x55d0 (server)".
std::string frame_text(const Frame& frame);

}  // namespace estab::observe::bpf
