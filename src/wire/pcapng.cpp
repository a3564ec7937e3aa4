#include "wire/pcapng.h"

#include <algorithm>
#include <limits>

namespace estab::wire {
namespace {

// Numbers are written in little-endian order, whatever the machine's; the section's byte-order
// magic says so to the reader.
void put16(std::vector<std::uint8_t>& out, std::uint16_t v) {
  out.push_back(static_cast<std::uint8_t>(v));
  out.push_back(static_cast<std::uint8_t>(v >> 8));
}
void put32(std::vector<std::uint8_t>& out, std::uint32_t v) {
  put16(out, static_cast<std::uint16_t>(v));
  put16(out, static_cast<std::uint16_t>(v >> 16));
}
void pad_to_32_bits(std::vector<std::uint8_t>& out, std::size_t begin) {
  while ((out.size() - begin) % 4 != 0) out.push_back(0);
}

enum BlockType : std::uint32_t {
  kSectionHeader = 0x0a0d0d0a,
  kInterfaceDescription = 1,
  kEnhancedPacket = 6,
};
enum OptionCode : std::uint16_t {
  kEndOfOptions = 0,
  kComment = 1,
  kSectionOs = 3,
  kSectionApplication = 4,
  kInterfaceName = 2,
  kInterfaceTimestampResolution = 9,
  kPacketFlags = 2,
};

// The longest prefix of at most 65,535 bytes that ends no UTF-8 character in its middle.
std::string_view cut(std::string_view text) {
  constexpr std::size_t kMost = std::numeric_limits<std::uint16_t>::max();
  if (text.size() <= kMost) return text;
  std::size_t end = kMost;
  while (end > 0 && (static_cast<std::uint8_t>(text[end]) & 0xc0) == 0x80) --end;
  return text.substr(0, end);
}

//  0                   1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +---------------------------------------------------------------+
// |                          Block Type                           |
// +---------------------------------------------------------------+
// |                      Block Total Length                       |
// +---------------------------------------------------------------+
// /           Block Body, options last (padded to 32 bits)        /
// +---------------------------------------------------------------+
// |                      Block Total Length                       |
// +---------------------------------------------------------------+
class Block {
 public:
  Block(std::vector<std::uint8_t>& out, BlockType type) : out_(out), begin_(out.size()) {
    put32(out_, type);
    put32(out_, 0);  // the total length, known at the end
  }
  void option(OptionCode code, std::string_view value) {
    if (value.empty()) return;
    const std::string_view text = cut(value);
    put16(out_, code);
    put16(out_, static_cast<std::uint16_t>(text.size()));
    out_.insert(out_.end(), text.begin(), text.end());
    pad_to_32_bits(out_, begin_);
    has_options_ = true;
  }
  void end() {
    if (has_options_) put32(out_, kEndOfOptions);
    const auto total = static_cast<std::uint32_t>(out_.size() - begin_ + 4);
    put32(out_, total);
    std::copy_n(out_.end() - 4, 4, out_.begin() + static_cast<std::ptrdiff_t>(begin_) + 4);
  }
  std::size_t begin() const { return begin_; }

 private:
  std::vector<std::uint8_t>& out_;
  std::size_t begin_;
  bool has_options_ = false;
};

}  // namespace

void pcapng_section(std::vector<std::uint8_t>& out, const PcapngSection& section) {
  Block block(out, kSectionHeader);
  put32(out, 0x1a2b3c4d);  // byte-order magic
  put16(out, 1);           // version 1.0
  put16(out, 0);
  put32(out, 0xffffffff);  // section length: not known in advance
  put32(out, 0xffffffff);
  block.option(kComment, section.comment);
  block.option(kSectionOs, section.os);
  block.option(kSectionApplication, section.application);
  block.end();
}

void pcapng_interface(std::vector<std::uint8_t>& out, const PcapngInterface& description) {
  Block block(out, kInterfaceDescription);
  put16(out, static_cast<std::uint16_t>(description.link));
  put16(out, 0);  // reserved
  put32(out, description.snaplen);
  block.option(kInterfaceName, description.name);
  block.option(kInterfaceTimestampResolution, "\x09");  // 10^-9 s
  block.end();
}

void pcapng_packet(std::vector<std::uint8_t>& out, const PcapngPacket& packet, Bytes captured) {
  pcapng_packet(out, packet, std::span<const Bytes>(&captured, 1));
}

//  0                   1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +---------------------------------------------------------------+
// |                         Interface ID                          |
// +---------------------------------------------------------------+
// |                     Timestamp (Upper 4 bytes)                 |
// +---------------------------------------------------------------+
// |                     Timestamp (Lower 4 bytes)                 |
// +---------------------------------------------------------------+
// |                    Captured Packet Length                     |
// +---------------------------------------------------------------+
// |                    Original Packet Length                     |
// +---------------------------------------------------------------+
// /            Packet Data (padded to 32 bits), options           /
// +---------------------------------------------------------------+
void pcapng_packet(std::vector<std::uint8_t>& out, const PcapngPacket& packet,
                   std::span<const Bytes> captured) {
  std::size_t size = 0;
  for (const Bytes& piece : captured) size += piece.size();
  Block block(out, kEnhancedPacket);
  put32(out, packet.interface);
  put32(out, static_cast<std::uint32_t>(packet.timestamp >> 32));
  put32(out, static_cast<std::uint32_t>(packet.timestamp));
  put32(out, static_cast<std::uint32_t>(size));
  put32(out, packet.original_length);
  for (const Bytes& piece : captured) out.insert(out.end(), piece.begin(), piece.end());
  pad_to_32_bits(out, block.begin());
  block.option(kComment, packet.comment);
  if (packet.direction != PcapngDirection::kUnknown) {
    const char flags[4] = {static_cast<char>(packet.direction), 0, 0, 0};
    block.option(kPacketFlags, {flags, sizeof(flags)});
  }
  block.end();
}

}  // namespace estab::wire
