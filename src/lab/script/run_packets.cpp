// Packets of a script that runs: which connection they belong to, what goes in, what must come out.
#include <fmt/format.h>

#include "lab/script/packet_compare.h"
#include "lab/script/script_run.h"
#include "wire/segment.h"

namespace estab::lab {
namespace {

using Stage = Conversation::Stage;

constexpr Duration kPatience = std::chrono::seconds(2);        // past the time a packet was due
constexpr Duration kAnyTimePatience = std::chrono::hours(24);  // of `*`

std::uint8_t flags_of(const PacketSpec& spec) {
  const auto* tcp = std::get_if<TcpSpec>(&spec.body);
  return tcp == nullptr ? std::uint8_t{0} : tcp->flags;
}

bool is_tcp(const PacketSpec& spec) { return std::holds_alternative<TcpSpec>(spec.body); }

bool is_syn_ack(std::uint8_t flags) {
  return (flags & (wire::kSyn | wire::kAck)) == (wire::kSyn | wire::kAck);
}

std::uint32_t seq_of(const PacketSpec& spec) { return std::get<TcpSpec>(spec.body).seq; }

}  // namespace

// --- which connection

// An inbound packet that finds a listener, or no socket at all, begins one.
Conversation* ScriptRun::new_conversation(const PacketSpec& spec) {
  Conversation* under_test = sockets_.under_test();
  const bool free = under_test == nullptr || under_test->stage == Stage::kListening;
  if (!spec.inbound || !is_tcp(spec) || !free) return nullptr;
  Conversation& made = sockets_.make();
  made.stage = Stage::kPacketReceived;
  made.remote = {settings_.remote, Port{next_port_++}};
  made.local = {settings_.local.address, settings_.bind_port};
  made.remote_isn = seq_of(spec);
  return &made;
}

// The SYN of a socket that connects.
bool ScriptRun::begin_active(const PacketSpec& spec) {
  Conversation* under_test = sockets_.under_test();
  const bool syn = (flags_of(spec) & (wire::kSyn | wire::kAck)) == wire::kSyn;
  if (spec.inbound || !syn || under_test == nullptr || under_test->stage != Stage::kConnecting) {
    return false;
  }
  under_test->stage = Stage::kSynSent;
  under_test->script_local_isn = seq_of(spec);
  return true;
}

Conversation& ScriptRun::conversation_for(const Event& event, const PacketSpec& spec) {
  if (Conversation* made = new_conversation(spec)) return *made;
  if (begin_active(spec) || sockets_.under_test() != nullptr) return *sockets_.under_test();
  mismatch(event, "error handling packet: no matching socket for script packet");
}

void ScriptRun::run_packet(const Event& event, const PacketSpec& spec) {
  Conversation& conversation = conversation_for(event, spec);
  if (spec.inbound) {
    wait_for(event);
    run_inbound(event, spec, conversation);
  } else {
    run_outbound(event, spec, conversation);
  }
}

// --- in

void ScriptRun::run_inbound(const Event& event, const PacketSpec& spec,
                            Conversation& conversation) {
  const std::uint8_t flags = flags_of(spec);
  if (conversation.stage == Stage::kSynAckSent && (flags & wire::kAck) != 0) {
    conversation.stage = Stage::kSynAckAcked;
  } else if (conversation.stage == Stage::kSynSent && is_syn_ack(flags)) {
    conversation.stage = Stage::kSynAcked;
    conversation.remote_isn = seq_of(spec);
  }
  const auto script = packet_of(spec, settings_.wire_is_v6());
  if (!script) mismatch(event, "error handling packet: " + script.error());
  const auto live = conversation.to_live(*script, settings_.scaled_timestamp_echo);
  if (!live) mismatch(event, "error handling packet: " + live.error());
  const std::vector<std::uint8_t> bytes = bytes_of(*live);
  capture(host_->now(), true, Bytes(bytes), event.line);
  host_->inject(Bytes(bytes));
}

// --- out

bool ScriptRun::is_expected(const Packet& packet, const PacketSpec& spec,
                            Conversation& conversation) const {
  if (!is_tcp(spec)) return conversation.concerns(packet);
  if (conversation.sent(packet)) return true;
  const TcpFields* tcp = packet.tcp();
  const bool first_syn = tcp != nullptr && tcp->has(wire::kSyn) && !tcp->has(wire::kAck) &&
                         conversation.stage == Stage::kSynSent &&
                         packet.destination == conversation.remote.address &&
                         tcp->destination == conversation.remote.port;
  if (!first_syn) return false;
  // The stack has chosen its port and its initial sequence number.
  conversation.local = {packet.source, tcp->source};
  conversation.live_local_isn = tcp->seq;
  return true;
}

// The next packet of this connection; others are passed over.
ScriptRun::Sniffed ScriptRun::sniff(const Event& event, const PacketSpec& spec,
                                    Conversation& conversation) {
  const DueTime& due = time_.due();
  const bool any = due.kind == TimeKind::kAny;
  const Duration limit = any ? now() + kAnyTimePatience : std::max(due.begin, due.end) + kPatience;
  for (;;) {
    if (const auto left = host_->take()) {
      capture(left->at, false, Bytes(left->bytes), event.line);
      const auto packet = parse_packet_bytes(Bytes(left->bytes));
      if (!packet) mismatch(event, "error handling packet: " + packet.error());
      if (is_expected(*packet, spec, conversation)) return {*packet, left->at - start_};
      continue;
    }
    const auto next = host_->next_deadline();
    const Instant until = start_ + limit;
    if (!next || *next > until || host_->now() >= until) {
      host_->advance_to(until);
      look_at_pending();
      const std::string waited = any ? "" : fmt::format(" (until {:.6f} sec)", seconds(limit));
      packet_mismatch(event, spec, {"Timed out waiting for packet" + waited}, {});
    }
    host_->advance_to(std::max(*next, host_->now()));
    look_at_pending();
  }
}

// One live packet, or several that fill the script's one, as a device that segments makes of it.
ScriptRun::Sniffed ScriptRun::gather(const Event& event, const PacketSpec& spec,
                                     Conversation& conversation) {
  const auto* tcp = std::get_if<TcpSpec>(&spec.body);
  const std::size_t wanted = tcp == nullptr ? 0 : tcp->payload;
  std::vector<Sniffed> run;
  std::size_t have = 0;
  std::optional<Sniffed> whole;
  do {
    Sniffed next = sniff(event, spec, conversation);
    if (tcp != nullptr && conversation.stage == Stage::kPacketReceived && is_syn_ack(tcp->flags)) {
      conversation.stage = Stage::kSynAckSent;
      conversation.live_local_isn = next.packet.tcp()->seq;
    }
    next.packet = conversation.to_script(std::move(next.packet));
    run.push_back(next);
    if (whole) {
      const std::string broken = breaks_run(run[run.size() - 2].packet, next.packet, wanted - have);
      if (!broken.empty()) packet_mismatch(event, spec, {broken}, run);
      whole->packet = joined(whole->packet, next.packet);
      whole->at = next.at;
    } else {
      whole = next;
    }
    const TcpFields* got = next.packet.tcp();
    have += got == nullptr ? 0 : got->payload.size();
    if (got == nullptr || got->payload.empty()) break;
  } while (have < wanted && !settings_.strict_segments);
  if (tcp != nullptr && have != wanted) {
    packet_mismatch(
        event, spec,
        {fmt::format("live packet payload: expected {} bytes vs actual {} bytes", wanted, have)},
        run);
  }
  return *whole;
}

void ScriptRun::run_outbound(const Event& event, const PacketSpec& spec,
                             Conversation& conversation) {
  if (is_tcp(spec) && conversation.stage == Stage::kPacketReceived && is_syn_ack(flags_of(spec))) {
    conversation.script_local_isn = seq_of(spec);
  }
  check_packet(event, spec, conversation, gather(event, spec, conversation));
}

void ScriptRun::check_packet(const Event& event, const PacketSpec& spec, Conversation& conversation,
                             Sniffed actual) {
  if (TcpFields* tcp = actual.packet.tcp(); tcp != nullptr && is_tcp(spec)) {
    conversation.map_timestamps(std::get<TcpSpec>(spec.body), *tcp);
  }
  CompareRules rules;
  rules.timestamp_echo = options_.check_timestamp_echo;
  rules.timestamp_tick = settings_.timestamp_tick;
  rules.timestamp_tolerance = time_.tolerance(time_.due().begin);
  auto lines = differences(spec, actual.packet, settings_.wire_is_v6(), rules);
  if (spec.ip.flow_label && settings_.wire_is_v6()) {
    std::string wrong =
        conversation.check_flow_label(*spec.ip.flow_label, actual.packet.flow_label);
    if (!wrong.empty()) lines.push_back(std::move(wrong));
  }
  std::string late = time_.check(time_.due(), actual.at, "outbound packet");
  if (!late.empty()) lines.push_back(std::move(late));
  if (!lines.empty()) packet_mismatch(event, spec, std::move(lines), {actual});
}

void ScriptRun::packet_mismatch(const Event& event, const PacketSpec& spec,
                                std::vector<std::string> lines,
                                const std::vector<Sniffed>& actual) const {
  std::string text = fmt::format("error handling packet: {}", lines.front());
  for (std::size_t i = 1; i < lines.size(); ++i) text += "\n  and: " + lines[i];
  if (auto expected = packet_of(spec, settings_.wire_is_v6())) {
    text +=
        fmt::format("\nscript packet: {:9.6f} {}", seconds(time_.due().begin), text_of(*expected));
  }
  for (const Sniffed& one : actual) {
    text += fmt::format("\nactual packet: {:9.6f} {}", seconds(one.at), text_of(one.packet));
  }
  mismatch(event, text);
}

}  // namespace estab::lab
