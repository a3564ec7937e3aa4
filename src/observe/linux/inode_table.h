// Socket inode -> row, for a hundred thousand of them: open addressing, no allocation a row.
#pragma once
#include <cstdint>
#include <vector>

namespace estab::observe {

class InodeTable {
 public:
  static constexpr std::uint32_t kNone = 0xffffffff;

  explicit InodeTable(std::size_t expected) {
    std::size_t size = 64;
    while (size < expected * 2) size *= 2;
    slots_.resize(size);
  }
  // 0 is no inode. The first row of an inode stays.
  void add(std::uint32_t inode, std::uint32_t row) {
    if (inode == 0) return;
    std::size_t at = first(inode);
    while (slots_[at].inode != 0 && slots_[at].inode != inode) at = (at + 1) & (slots_.size() - 1);
    if (slots_[at].inode == 0) {
      slots_[at] = {inode, row};
      ++size_;
    }
  }
  std::uint32_t find(std::uint32_t inode) const {
    std::size_t at = first(inode);
    while (slots_[at].inode != 0) {
      if (slots_[at].inode == inode) return slots_[at].row;
      at = (at + 1) & (slots_.size() - 1);
    }
    return kNone;
  }
  std::size_t size() const { return size_; }

 private:
  struct Slot {
    std::uint32_t inode = 0;
    std::uint32_t row = 0;
  };
  std::size_t first(std::uint32_t inode) const {
    return static_cast<std::size_t>(inode * 2654435769u) & (slots_.size() - 1);
  }
  std::vector<Slot> slots_;
  std::size_t size_ = 0;
};

}  // namespace estab::observe
