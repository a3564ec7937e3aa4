#include "observe/capture.h"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <optional>

#include "wire/ethernet.h"
#include "wire/ip.h"
#include "wire/tcp.h"

namespace estab::observe {
namespace {

constexpr std::uint16_t kEthernetLink = 1;
constexpr std::uint16_t kRawLink = 101;
constexpr std::uint32_t kSectionBlock = 0x0a0d0d0a;
constexpr std::uint32_t kInterfaceBlock = 1;
constexpr std::uint32_t kSimplePacketBlock = 3;
constexpr std::uint32_t kEnhancedPacketBlock = 6;
constexpr std::size_t kLargestFile = std::size_t{4} << 30;

// Numbers in the file's own byte order; the caller has checked that they are there.
class Numbers {
 public:
  bool swapped = false;
  std::uint16_t u16(const std::uint8_t* at) const {
    std::uint16_t v;
    std::memcpy(&v, at, sizeof v);
    return swapped ? static_cast<std::uint16_t>(v << 8 | v >> 8) : v;
  }
  std::uint32_t u32(const std::uint8_t* at) const {
    std::uint32_t v;
    std::memcpy(&v, at, sizeof v);
    return swapped ? __builtin_bswap32(v) : v;
  }
};

struct Interface {
  std::uint16_t link = kRawLink;
  std::uint64_t ticks_per_second = 1000000;
};

void add_packet(Capture& capture, std::uint16_t link, Instant at, Bytes frame) {
  ++capture.packets;
  if (link == kEthernetLink) {
    const auto header = wire::parse_ethernet(frame);
    if (!header) return;
    frame = frame.subspan(wire::EthernetHeader::kSize);
  } else if (link != kRawLink && link != 228 && link != 229) {  // raw IPv4, IPv6
    return;
  }
  const Buffer holder = Buffer::copy_of(frame);
  const Bytes held{holder.data(), frame.size()};
  const auto packet = wire::parse_ip(held);
  if (!packet || packet->protocol != static_cast<std::uint8_t>(wire::Protocol::kTcp) ||
      packet->is_fragment()) {
    return;
  }
  // Captures on the sending side show checksums that hardware fills in later.
  const auto segment = wire::parse_tcp(*packet, holder, true);
  if (!segment) return;
  capture.segments.push_back({at, segment->tuple.reversed(), segment->seq, segment->ack,
                              segment->flags, segment->window,
                              static_cast<std::uint32_t>(segment->payload.size())});
}

// if_tsresol: a power of ten, or of two with the top bit set.
std::uint64_t ticks_of(std::uint8_t resolution) {
  const int exponent = resolution & 0x7f;
  std::uint64_t ticks = 1;
  const std::uint64_t base = (resolution & 0x80) != 0 ? 2 : 10;
  for (int i = 0; i < exponent && ticks < 1000000000; ++i) ticks *= base;
  return ticks;
}

Interface parse_interface(const Numbers& numbers, Bytes body) {
  Interface interface;
  if (body.size() < 8) return interface;
  interface.link = numbers.u16(body.data());
  for (Bytes options = body.subspan(8); options.size() >= 4;) {
    const std::uint16_t code = numbers.u16(options.data());
    const std::size_t length = numbers.u16(options.data() + 2);
    if (code == 0 || options.size() < 4 + length) break;
    if (code == 9 && length >= 1) interface.ticks_per_second = ticks_of(options[4]);
    options = options.subspan(std::min(options.size(), 4 + (length + 3) / 4 * 4));
  }
  return interface;
}

Instant instant_of(std::uint64_t ticks, std::uint64_t per_second) {
  // A forged time stamp may lie beyond what an Instant can say: the end of time, then.
  constexpr std::uint64_t kLast = 9223372035;  // seconds
  const std::uint64_t seconds = std::min(ticks / per_second, kLast);
  const std::uint64_t rest = ticks % per_second * 1000000000 / per_second;
  return Instant(std::chrono::seconds(static_cast<std::int64_t>(seconds)) +
                 Duration(static_cast<std::int64_t>(rest)));
}

void parse_enhanced(Capture& capture, const Numbers& numbers,
                    const std::vector<Interface>& interfaces, Bytes body) {
  if (body.size() < 20) return;
  const std::uint32_t number = numbers.u32(body.data());
  const std::uint64_t ticks =
      std::uint64_t{numbers.u32(body.data() + 4)} << 32 | numbers.u32(body.data() + 8);
  const std::size_t length = numbers.u32(body.data() + 12);
  if (number >= interfaces.size() || length > body.size() - 20) return;
  const Interface& interface = interfaces[number];
  add_packet(capture, interface.link, instant_of(ticks, interface.ticks_per_second),
             body.subspan(20, length));
}

tl::expected<Capture, std::string> parse_pcapng(Bytes bytes) {
  Capture capture;
  Numbers numbers;
  std::vector<Interface> interfaces;
  while (bytes.size() >= 12) {
    const std::uint32_t type = numbers.u32(bytes.data());
    if (type == kSectionBlock) {
      numbers.swapped = false;
      numbers.swapped = numbers.u32(bytes.data() + 8) == 0x4d3c2b1a;
      interfaces.clear();
    }
    const std::size_t length = numbers.u32(bytes.data() + 4);
    if (length < 12 || length % 4 != 0) {
      return tl::unexpected(std::string("the capture is damaged: a block of impossible length"));
    }
    if (length > bytes.size()) break;
    const Bytes body = bytes.subspan(8, length - 12);
    if (type == kInterfaceBlock) interfaces.push_back(parse_interface(numbers, body));
    if (type == kEnhancedPacketBlock) parse_enhanced(capture, numbers, interfaces, body);
    if (type == kSimplePacketBlock) ++capture.packets;  // it has no time
    bytes = bytes.subspan(length);
  }
  capture.truncated = !bytes.empty();
  return capture;
}

tl::expected<Capture, std::string> parse_pcap(Bytes bytes, bool swapped, bool nanoseconds) {
  Capture capture;
  const Numbers numbers{swapped};
  const auto link = static_cast<std::uint16_t>(numbers.u32(bytes.data() + 20));
  bytes = bytes.subspan(24);
  while (bytes.size() >= 16) {
    const std::uint64_t per_second = nanoseconds ? 1000000000 : 1000000;
    const std::uint64_t ticks =
        numbers.u32(bytes.data()) * per_second + numbers.u32(bytes.data() + 4);
    const std::size_t length = numbers.u32(bytes.data() + 8);
    if (length > bytes.size() - 16) break;
    add_packet(capture, link, instant_of(ticks, per_second), bytes.subspan(16, length));
    bytes = bytes.subspan(16 + length);
  }
  capture.truncated = !bytes.empty();
  return capture;
}

}  // namespace

tl::expected<Capture, std::string> parse_capture(Bytes bytes) {
  const Numbers numbers;
  if (bytes.size() >= 28 && numbers.u32(bytes.data()) == kSectionBlock) return parse_pcapng(bytes);
  if (bytes.size() >= 24) {
    const std::uint32_t magic = numbers.u32(bytes.data());
    for (const bool swapped : {false, true}) {
      const std::uint32_t plain = swapped ? __builtin_bswap32(magic) : magic;
      if (plain == 0xa1b2c3d4) return parse_pcap(bytes, swapped, false);
      if (plain == 0xa1b23c4d) return parse_pcap(bytes, swapped, true);
    }
  }
  return tl::unexpected(std::string("it is no capture: expected pcapng or pcap"));
}

tl::expected<Capture, std::string> read_capture(const std::string& path) {
  const auto wrong = [&](const std::string& why) {
    return tl::unexpected("cannot read " + path + ": " + why);
  };
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(
      path == "-" ? stdin : std::fopen(path.c_str(), "rb"), std::fclose);
  if (file == nullptr) return wrong(std::strerror(errno));
  std::vector<std::uint8_t> bytes;
  std::uint8_t piece[65536];
  while (const std::size_t n = std::fread(piece, 1, sizeof piece, file.get())) {
    bytes.insert(bytes.end(), piece, piece + n);
    if (bytes.size() > kLargestFile) return wrong("it is larger than 4 GB");
  }
  if (std::ferror(file.get()) != 0) return wrong(std::strerror(errno));
  auto capture = parse_capture(bytes);
  if (!capture) return wrong(capture.error());
  return capture;
}

}  // namespace estab::observe
