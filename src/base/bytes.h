// Bounds-checked big-endian reading and writing of the bytes of a packet. A Reader or Writer never
// passes the end of what it was given and never throws: a call that does not fit returns false and
// changes nothing, so that a truncated packet costs one `if`. Every call is O(bytes it moves).
//
//   Reader r{packet};
//   std::uint16_t source, destination;
//   if (!r.u16(source) || !r.u16(destination)) return drop(Counter::EstabTcpTruncated);
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "estab/buffer.h"

namespace estab {

// Unchecked: `from` or `to` has room for the value.
constexpr std::uint16_t load_be16(const std::uint8_t* from) {
  return static_cast<std::uint16_t>(from[0] << 8 | from[1]);
}
constexpr std::uint32_t load_be32(const std::uint8_t* from) {
  return std::uint32_t{load_be16(from)} << 16 | load_be16(from + 2);
}
constexpr std::uint64_t load_be64(const std::uint8_t* from) {
  return std::uint64_t{load_be32(from)} << 32 | load_be32(from + 4);
}
constexpr void store_be16(std::uint8_t* to, std::uint16_t v) {
  to[0] = static_cast<std::uint8_t>(v >> 8);
  to[1] = static_cast<std::uint8_t>(v);
}
constexpr void store_be32(std::uint8_t* to, std::uint32_t v) {
  store_be16(to, static_cast<std::uint16_t>(v >> 16));
  store_be16(to + 2, static_cast<std::uint16_t>(v));
}
constexpr void store_be64(std::uint8_t* to, std::uint64_t v) {
  store_be32(to, static_cast<std::uint32_t>(v >> 32));
  store_be32(to + 4, static_cast<std::uint32_t>(v));
}

// Reads from the front of bytes that somebody else owns and keeps alive.
class Reader {
 public:
  explicit constexpr Reader(Bytes bytes) : bytes_(bytes) {}

  constexpr std::size_t remaining() const { return bytes_.size() - at_; }
  constexpr bool at_end() const { return remaining() == 0; }
  constexpr std::size_t position() const { return at_; }  // bytes read so far
  constexpr Bytes rest() const { return bytes_.subspan(at_); }

  [[nodiscard]] constexpr bool u8(std::uint8_t& out) {
    if (remaining() < 1) return false;
    out = bytes_[at_++];
    return true;
  }
  [[nodiscard]] constexpr bool u16(std::uint16_t& out) {
    if (remaining() < 2) return false;
    out = load_be16(advance(2));
    return true;
  }
  [[nodiscard]] constexpr bool u32(std::uint32_t& out) {
    if (remaining() < 4) return false;
    out = load_be32(advance(4));
    return true;
  }
  [[nodiscard]] constexpr bool u64(std::uint64_t& out) {
    if (remaining() < 8) return false;
    out = load_be64(advance(8));
    return true;
  }
  [[nodiscard]] constexpr bool skip(std::size_t n) {
    if (remaining() < n) return false;
    at_ += n;
    return true;
  }
  // The next `n` bytes, not copied: as long-lived as what the Reader was given.
  [[nodiscard]] constexpr bool take(std::size_t n, Bytes& out) {
    if (remaining() < n) return false;
    out = bytes_.subspan(at_, n);
    at_ += n;
    return true;
  }
  [[nodiscard]] bool copy(MutableBytes out) {  // fills all of `out`
    if (remaining() < out.size()) return false;
    if (!out.empty()) std::memcpy(out.data(), advance(out.size()), out.size());
    return true;
  }

 private:
  constexpr const std::uint8_t* advance(std::size_t n) {
    const std::uint8_t* here = bytes_.data() + at_;
    at_ += n;
    return here;
  }

  Bytes bytes_;
  std::size_t at_ = 0;
};

// Writes to the front of memory that somebody else owns. ok() stays false after the first write
// that did not fit, so that a run of writes needs one check at its end.
class Writer {
 public:
  explicit constexpr Writer(MutableBytes room) : room_(room) {}

  constexpr std::size_t remaining() const { return room_.size() - at_; }
  constexpr std::size_t size() const { return at_; }  // bytes written so far
  constexpr bool ok() const { return ok_; }
  constexpr Bytes written() const { return room_.first(at_); }

  constexpr bool u8(std::uint8_t v) {
    if (!fits(1)) return false;
    room_[at_++] = v;
    return true;
  }
  constexpr bool u16(std::uint16_t v) {
    if (!fits(2)) return false;
    store_be16(advance(2), v);
    return true;
  }
  constexpr bool u32(std::uint32_t v) {
    if (!fits(4)) return false;
    store_be32(advance(4), v);
    return true;
  }
  constexpr bool u64(std::uint64_t v) {
    if (!fits(8)) return false;
    store_be64(advance(8), v);
    return true;
  }
  bool bytes(Bytes from) {
    if (!fits(from.size())) return false;
    if (!from.empty()) std::memcpy(advance(from.size()), from.data(), from.size());
    return true;
  }
  bool fill(std::size_t n, std::uint8_t value = 0) {
    if (!fits(n)) return false;
    if (n != 0) std::memset(advance(n), value, n);
    return true;
  }

 private:
  constexpr bool fits(std::size_t n) {
    if (!ok_ || remaining() < n) ok_ = false;
    return ok_;
  }
  constexpr std::uint8_t* advance(std::size_t n) {
    std::uint8_t* here = room_.data() + at_;
    at_ += n;
    return here;
  }

  MutableBytes room_;
  std::size_t at_ = 0;
  bool ok_ = true;
};

}  // namespace estab
