#include <fmt/format.h>

#include "lab/script/icmp_names.h"
#include "lab/script/option_kinds.h"
#include "lab/script/packet.h"
#include "wire/segment.h"

namespace estab::lab {
namespace {

std::string hex(const std::vector<std::uint8_t>& bytes, std::size_t from) {
  std::string out;
  for (std::size_t i = from; i < bytes.size(); ++i) out += fmt::format("{:02x}", bytes[i]);
  return out;
}

std::string sack_text(const TcpOption& option) {
  std::string out = "sack";
  for (std::size_t i = 0; i + 1 < option.data.size() / 4; i += 2) {
    out += fmt::format(" {}:{}", word_of(option, i), word_of(option, i + 1));
  }
  return out;
}

std::string accurate_ecn_text(const TcpOption& option) {
  const bool e1_first = option.kind == kOptionAccEcn1;
  const char* const names[] = {e1_first ? "e1b" : "e0b", "ceb", e1_first ? "e0b" : "e1b"};
  std::string out = "ECN";
  for (std::size_t i = 0; i < 3 && 3 * i + 2 < option.data.size(); ++i) {
    const std::uint8_t* p = option.data.data() + 3 * i;
    out += fmt::format(" {} {}", names[i], p[0] << 16 | p[1] << 8 | p[2]);
  }
  return out;
}

std::string sized_text(const TcpOption& option) {
  const std::size_t size = option.data.size();
  if (option.kind == kOptionMss && size == 2) {
    return fmt::format("mss {}", load_be16(option.data.data()));
  }
  if (option.kind == kOptionWindowScale && size == 1) {
    return fmt::format("wscale {}", option.data[0]);
  }
  if (option.kind == kOptionSackPermitted && size == 0) return "sackOK";
  if (option.kind == kOptionSack && size % 8 == 0) return sack_text(option);
  if (option.kind == kOptionTimestamps && size == 8) {
    return fmt::format("TS val {} ecr {}", word_of(option, 0), word_of(option, 1));
  }
  if (option.kind == kOptionFastOpen) return size == 0 ? "FO" : "FO " + hex(option.data, 0);
  if (option.kind == kOptionExperiment && size >= 2 &&
      load_be16(option.data.data()) == kFastOpenMagic) {
    return size == 2 ? "FOEXP" : "FOEXP " + hex(option.data, 2);
  }
  if (option.kind == kOptionAccEcn0 || option.kind == kOptionAccEcn1) {
    return accurate_ecn_text(option);
  }
  return fmt::format("option {} {}", option.kind, hex(option.data, 0));
}

// Letters, then the dot, as scripts are written.
std::string flags_text(const TcpFields& tcp) {
  static constexpr std::pair<wire::Flag, char> kLetters[] = {
      {wire::kFin, 'F'}, {wire::kSyn, 'S'}, {wire::kRst, 'R'}, {wire::kPsh, 'P'},
      {wire::kUrg, 'U'}, {wire::kEce, 'E'}, {wire::kCwr, 'W'}};
  std::string out;
  for (const auto& [flag, letter] : kLetters) {
    if (tcp.has(flag)) out += letter;
  }
  if (tcp.accurate_ecn) out += 'A';
  if (tcp.has(wire::kAck)) out += '.';
  return out.empty() ? "-" : out;
}

std::string tcp_text(const TcpFields& tcp) {
  const std::string flags = flags_text(tcp);
  const auto end = tcp.seq + static_cast<std::uint32_t>(tcp.payload.size());
  std::string out = fmt::format("{} {}:{}({})", flags, tcp.seq, end, tcp.payload.size());
  if (tcp.has(wire::kAck)) out += fmt::format(" ack {}", tcp.ack);
  out += fmt::format(" win {}", tcp.window);
  if (tcp.urgent != 0) out += fmt::format(" urg {}", tcp.urgent);
  if (!tcp.options.empty()) out += " <" + text_of(tcp.options) + ">";
  return out;
}

}  // namespace

std::string text_of(const TcpOption& option) {
  if (option.kind == kOptionNop) return "nop";
  if (option.kind == kOptionEnd) return "eol";
  return sized_text(option);
}

std::string text_of(const std::vector<TcpOption>& options) {
  std::string out;
  for (const TcpOption& option : options) out += (out.empty() ? "" : ",") + text_of(option);
  return out;
}

std::string text_of(const Packet& packet) {
  static constexpr const char* kEcn[] = {"", "[ect1] ", "[ect0] ", "[ce] "};
  std::string out = kEcn[packet.tos & 3];
  if (const TcpFields* tcp = packet.tcp()) return out + tcp_text(*tcp);
  const IcmpFields& icmp = *packet.icmp();
  out += "icmp " + icmp_text({icmp.type, icmp.code}, packet.destination.is_v6());
  if (icmp.quoted) {
    out += fmt::format(" [{}:{}({})]", icmp.quoted->seq, icmp.quoted->seq + icmp.quoted->payload,
                       icmp.quoted->payload);
  }
  return out;
}

}  // namespace estab::lab
