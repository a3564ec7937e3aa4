#include "wire/icmp.h"

#include "wire/bytes.h"
#include "wire/checksum.h"

namespace estab::wire {
namespace {

// RFC 4443 2.3: version 6 sums the pseudo-header too; RFC 792: version 4 does not.
std::uint64_t initial_sum(bool v6, const IpAddress& source, const IpAddress& destination,
                          std::size_t length) {
  if (!v6) return 0;
  return pseudo_header_sum(source, destination, static_cast<std::uint8_t>(Protocol::kIcmpv6),
                           static_cast<std::uint32_t>(length));
}

}  // namespace

//  0                   1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// |     Type      |     Code      |          Checksum             |
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// |          rest: by type (MTU, pointer, identifier ...)         |
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// /                             body                              /
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
Parsed<IcmpMessage> parse_icmp(const IpPacket& packet) {
  const Bytes bytes = packet.payload;
  if (bytes.size() < kIcmpHeader) return tl::unexpected(Counter::IcmpInErrors);
  const bool v6 = !packet.is_v4();
  const std::uint64_t sum =
      checksum_add(initial_sum(v6, packet.source, packet.destination, bytes.size()), bytes);
  if (checksum_fold(sum) != 0) return tl::unexpected(Counter::IcmpInCsumErrors);
  return IcmpMessage{.v6 = v6,
                     .type = bytes[0],
                     .code = bytes[1],
                     .rest = load32(bytes.data() + 4),
                     .body = bytes.subspan(kIcmpHeader)};
}

void build_icmp(const IcmpMessage& message, const IpAddress& source, const IpAddress& destination,
                std::uint8_t* to) {
  const std::size_t size = kIcmpHeader + message.body.size();
  to[0] = message.type;
  to[1] = message.code;
  store16(to + 2, 0);
  store32(to + 4, message.rest);
  std::copy(message.body.begin(), message.body.end(), to + kIcmpHeader);
  const std::uint64_t sum =
      checksum_add(initial_sum(message.v6, source, destination, size), Bytes(to, size));
  store16(to + 2, checksum_fold(sum));
}

}  // namespace estab::wire
