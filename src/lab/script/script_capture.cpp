#include "lab/script/script_capture.h"

#include "wire/pcapng.h"

namespace estab::lab {

ScriptCapture::ScriptCapture() {
  wire::pcapng_section(bytes_, {.application = "estab drill", .os = "", .comment = ""});
  wire::PcapngInterface link;
  link.name = "virtual";
  wire::pcapng_interface(bytes_, link);
}

void ScriptCapture::add(Instant at, bool inbound, Bytes packet, const std::string& comment) {
  wire::PcapngPacket description;
  description.timestamp = static_cast<std::uint64_t>(at.time_since_epoch().count());
  description.original_length = static_cast<std::uint32_t>(packet.size());
  description.comment = comment;
  description.direction =
      inbound ? wire::PcapngDirection::kInbound : wire::PcapngDirection::kOutbound;
  wire::pcapng_packet(bytes_, description, packet);
}

}  // namespace estab::lab
