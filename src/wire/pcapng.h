// Blocks of a pcapng capture (draft-ietf-opsawg-pcapng), appended to a vector of bytes. A file is
// one section header, then interfaces, numbered from 0 in their order, then packets:
//
//   std::vector<std::uint8_t> out;
//   pcapng_section(out, {.application = "estab 0.1.0", .os = "Linux"});
//   pcapng_interface(out, {.link = PcapngLink::kRaw, .name = "tun0"});
//   pcapng_packet(out, {.interface = 0, .timestamp = ns, .original_length = 60}, packet);
//
// libpcap, and so tcpdump, reads only files whose interfaces are of one link type.
// Options longer than 65,535 bytes are cut there; empty ones are left out.
#pragma once
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "estab/buffer.h"

namespace estab::wire {

struct PcapngSection {
  std::string_view application;  // shb_userappl
  std::string_view os;           // shb_os
  std::string_view comment;
};
void pcapng_section(std::vector<std::uint8_t>& out, const PcapngSection& section);

enum class PcapngLink : std::uint16_t { kEthernet = 1, kRaw = 101 };  // LINKTYPE_ numbers

struct PcapngInterface {
  PcapngLink link = PcapngLink::kRaw;
  std::string_view name;      // if_name
  std::uint32_t snaplen = 0;  // longest captured piece, bytes; 0 is no limit
};
// Timestamps of its packets are in nanoseconds (if_tsresol 9).
void pcapng_interface(std::vector<std::uint8_t>& out, const PcapngInterface& description);

enum class PcapngDirection : std::uint8_t { kUnknown = 0, kInbound = 1, kOutbound = 2 };

struct PcapngPacket {
  std::uint32_t interface = 0;
  std::uint64_t timestamp = 0;        // ns since 1970
  std::uint32_t original_length = 0;  // bytes on the wire, at least those captured
  std::string_view comment;
  PcapngDirection direction = PcapngDirection::kUnknown;  // epb_flags, when known
};
void pcapng_packet(std::vector<std::uint8_t>& out, const PcapngPacket& packet, Bytes captured);
// The captured bytes in pieces, as a frame on its way out has them.
void pcapng_packet(std::vector<std::uint8_t>& out, const PcapngPacket& packet,
                   std::span<const Bytes> captured);

}  // namespace estab::wire
