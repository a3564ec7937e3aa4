// The file that lets a stack's memory outlive its process: mapped shared, so that what is written
// there is there even after kill -9, and locked (flock) so that no two processes share it. What is
// inside is the stack's own business (stack/memory.h), as is the judging of it: a foreign or torn
// file is begun afresh.
#pragma once
#include <span>
#include <string>
#include <tl/expected.hpp>

#include "dev/file_descriptor.h"

namespace estab::socket {

class StateFile {
 public:
  StateFile() = default;
  StateFile(StateFile&& o) noexcept;
  StateFile& operator=(StateFile&& o) noexcept;
  ~StateFile();

  // Opens the file, or makes it (0600) with `size` bytes; one that is there keeps its size. The error
  // is one line: another process holds it, it may not be written, is no regular file, the disk is
  // full.
  static tl::expected<StateFile, std::string> open(const std::string& path, std::size_t size);

  // Empty when there is none.
  std::span<std::uint8_t> memory() const { return memory_; }

 private:
  dev::FileDescriptor fd_;  // holds the lock
  std::span<std::uint8_t> memory_;
};

}  // namespace estab::socket
