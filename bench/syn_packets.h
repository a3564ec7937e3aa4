// SYNs from forged addresses, as fast as they can be made: a template whose source, port and
// sequence number change, with both checksums kept right.
#pragma once
#include <arpa/inet.h>

#include <array>
#include <cstdint>
#include <cstring>

namespace bench {

class SynPackets {
 public:
  static constexpr std::size_t kSize = 60;  // IPv4 and TCP headers, options of a modern host

  // To host (network byte order) and port.
  SynPackets(std::uint32_t host, std::uint16_t port, std::uint64_t seed) : state_(seed) {
    packet_ = {0x45, 0, 0, kSize, 0, 0, 0x40, 0, 64, 6};
    std::memcpy(&packet_[16], &host, 4);
    put16(22, port);
    packet_[32] = 0xa0;  // 40 bytes of header
    packet_[33] = 0x02;  // SYN
    put16(34, 64240);
    constexpr std::array<std::uint8_t, 20> options{2, 4, 5, 0xb4, 4, 2, 8, 10, 1, 2,
                                                   3, 4, 0, 0,    0, 0, 1, 3,  3, 7};
    std::memcpy(&packet_[40], options.data(), options.size());
    ip_ = sum(0, 20);
    tcp_ = sum(20, kSize) + sum(16, 20) + 6 + (kSize - 20);
  }

  // Writes kSize bytes. The source is somewhere in 16.0.0.0/4: 268 million addresses.
  void next(std::uint8_t* to) {
    const std::uint64_t r = random();
    const auto source = static_cast<std::uint32_t>(0x10000000 | (r & 0x0fffffff));
    const auto port = static_cast<std::uint16_t>(1024 + (r >> 32) % 64000);
    const auto seq = static_cast<std::uint32_t>(random());
    const std::uint32_t halves = (source >> 16) + (source & 0xffff);
    put32(12, source);
    put16(20, port);
    put32(24, seq);
    put16(10, fold(ip_ + halves));
    put16(36, fold(tcp_ + halves + port + (seq >> 16) + (seq & 0xffff)));
    std::memcpy(to, packet_.data(), kSize);
  }

 private:
  void put16(std::size_t at, std::uint16_t v) {
    packet_[at] = static_cast<std::uint8_t>(v >> 8);
    packet_[at + 1] = static_cast<std::uint8_t>(v);
  }
  void put32(std::size_t at, std::uint32_t v) {
    put16(at, static_cast<std::uint16_t>(v >> 16));
    put16(at + 2, static_cast<std::uint16_t>(v));
  }
  std::uint32_t sum(std::size_t from, std::size_t to) const {
    std::uint32_t s = 0;
    for (std::size_t i = from; i < to; i += 2) s += packet_[i] * 256u + packet_[i + 1];
    return s;
  }
  static std::uint16_t fold(std::uint32_t s) {
    s = (s & 0xffff) + (s >> 16);
    s = (s & 0xffff) + (s >> 16);
    return static_cast<std::uint16_t>(~s);
  }
  std::uint64_t random() {  // splitmix64
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }

  std::array<std::uint8_t, kSize> packet_{};
  std::uint32_t ip_ = 0, tcp_ = 0;  // of what does not change
  std::uint64_t state_;
};

}  // namespace bench
