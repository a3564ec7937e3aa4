#include "socket/posix_table.h"

#include "estab/posix.h"
#include "socket/posix_epoll.h"

namespace estab::socket {
namespace {

constexpr int kMostDescriptors = 1 << 20;

}  // namespace

DescriptorTable& DescriptorTable::instance() {
  static DescriptorTable table;
  return table;
}

Result<int> DescriptorTable::insert(File file) {
  const std::lock_guard held(mutex_);
  int index = static_cast<int>(files_.size());
  if (!free_.empty()) {
    index = free_.top();
    free_.pop();
  } else if (index >= kMostDescriptors) {
    return fail(EMFILE);
  } else {
    files_.emplace_back();
  }
  files_[static_cast<std::size_t>(index)] = std::make_shared<const File>(std::move(file));
  return ESTAB_FD_FIRST + index;
}

FileRef DescriptorTable::find(int fd) const {
  const std::lock_guard held(mutex_);
  const auto index = static_cast<std::size_t>(fd) - ESTAB_FD_FIRST;
  return fd >= ESTAB_FD_FIRST && index < files_.size() ? files_[index] : nullptr;
}

FileRef DescriptorTable::remove(int fd) {
  const std::lock_guard held(mutex_);
  const auto index = static_cast<std::size_t>(fd) - ESTAB_FD_FIRST;
  if (fd < ESTAB_FD_FIRST || index >= files_.size() || !files_[index]) return nullptr;
  free_.push(static_cast<int>(index));
  return std::move(files_[index]);
}

}  // namespace estab::socket
