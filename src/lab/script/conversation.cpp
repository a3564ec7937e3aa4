#include "lab/script/conversation.h"

#include <fmt/format.h>

#include "lab/script/option_kinds.h"
#include "wire/segment.h"

namespace estab::lab {
namespace {

void move_sack(TcpFields& tcp, std::uint32_t by) {
  for (TcpOption& option : tcp.options) {
    if (option.kind != kOptionSack) continue;
    for (std::size_t i = 0; i < option.data.size() / 4; ++i) {
      set_word(option, i, word_of(option, i) + by);
    }
  }
}

}  // namespace

tl::expected<Packet, std::string> Conversation::to_live(Packet packet, bool scaled_echo) const {
  packet.source = remote.address;
  packet.destination = local.address;
  if (auto* icmp = std::get_if<IcmpFields>(&packet.body)) {
    if (!icmp->quoted) return packet;
    QuotedFields& quoted = *icmp->quoted;
    quoted.source = local.address;
    quoted.destination = remote.address;
    quoted.source_port = local.port;
    quoted.destination_port = remote.port;
    quoted.seq += live_local_isn;
    return packet;
  }
  TcpFields& tcp = *packet.tcp();
  if (tcp.source.value == 0) tcp.source = remote.port;
  if (tcp.destination.value == 0) tcp.destination = local.port;
  const bool syn = tcp.has(wire::kSyn);
  const std::uint32_t ack_offset = live_local_isn - (syn ? script_local_isn : 0);
  if (!syn) tcp.seq += remote_isn;
  if (tcp.has(wire::kAck)) tcp.ack += ack_offset;
  move_sack(tcp, ack_offset);
  TcpOption* timestamps = tcp.option(kOptionTimestamps);
  if (timestamps == nullptr || !tcp.has(wire::kAck)) return packet;
  const std::uint32_t echo = word_of(*timestamps, 1);
  if (const auto known = live_timestamp_.find(echo); known != live_timestamp_.end()) {
    set_word(*timestamps, 1, known->second);
  } else if (scaled_echo && first_timestamp_) {
    set_word(*timestamps, 1, echo - first_timestamp_->script + first_timestamp_->live);
  } else {
    return tl::unexpected(
        fmt::format("unable to infer live TS ecr for script TS ecr {};  no matching or preceding "
                    "outbound TS val",
                    echo));
  }
  return packet;
}

Packet Conversation::to_script(Packet packet) const {
  TcpFields* tcp = packet.tcp();
  if (tcp == nullptr) return packet;
  const bool syn = tcp->has(wire::kSyn);
  tcp->seq -= live_local_isn - (syn ? script_local_isn : 0);
  const std::uint32_t ack_offset = syn ? 0 : 0u - remote_isn;
  if (tcp->has(wire::kAck)) tcp->ack += ack_offset;
  move_sack(*tcp, ack_offset);
  return packet;
}

void Conversation::map_timestamps(const TcpSpec& expected, TcpFields& actual) {
  if (!expected.options) return;
  TcpFields script;
  script.options = *expected.options;
  const TcpOption* want = script.option(kOptionTimestamps);
  TcpOption* got = actual.option(kOptionTimestamps);
  if (want == nullptr || got == nullptr || got->data.size() != 8) return;
  const Pair value{word_of(*want, 0), word_of(*got, 0)};
  live_timestamp_[value.script] = value.live;
  if (!first_timestamp_) first_timestamp_ = value;
  set_word(*got, 0, first_timestamp_->script + (value.live - first_timestamp_->live));
}

std::string Conversation::check_flow_label(std::uint32_t expected, std::uint32_t actual) {
  if (actual == 0) return "flowlabel unmarked in the live packet";
  if (!flow_label_) flow_label_ = Pair{expected, actual};
  const bool same_script = flow_label_->script == expected;
  const bool same_live = flow_label_->live == actual;
  if (same_script && !same_live) return "flowlabel changed in the live packet";
  if (!same_script && same_live) return "flowlabel did not change in the live packet";
  if (!same_script) flow_label_ = Pair{expected, actual};
  return "";
}

bool Conversation::sent(const Packet& packet) const {
  const TcpFields* tcp = packet.tcp();
  return tcp != nullptr && packet.source == local.address && packet.destination == remote.address &&
         tcp->source == local.port && tcp->destination == remote.port;
}

bool Conversation::concerns(const Packet& packet) const {
  return packet.icmp() != nullptr && packet.destination == remote.address;
}

}  // namespace estab::lab
