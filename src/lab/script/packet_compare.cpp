#include "lab/script/packet_compare.h"

#include <fmt/format.h>

#include <algorithm>

#include "lab/script/option_kinds.h"
#include "wire/segment.h"

namespace estab::lab {
namespace {

class Differences {
 public:
  void field(std::string_view name, std::uint32_t expected, std::uint32_t actual) {
    if (expected == actual) return;
    add(fmt::format("live packet field {}: expected: {} ({:#x}) vs actual: {} ({:#x})", name,
                    expected, expected, actual, actual));
  }
  void add(std::string line) { lines_.push_back(std::move(line)); }
  std::vector<std::string> take() { return std::move(lines_); }

 private:
  std::vector<std::string> lines_;
};

void compare_ip(const IpSpec& expected, const Packet& actual, Differences& out) {
  const std::uint32_t ecn = actual.tos & 3u;
  switch (expected.check) {
    case IpSpec::Check::kNone:
      break;
    case IpSpec::Check::kEcn:
      out.field("ip_ecn", expected.tos, ecn);
      break;
    case IpSpec::Check::kEitherEct:
      if (ecn != 1 && ecn != 2) {
        out.add(
            fmt::format("live packet field ip_ecn: expected: 0x1 or 0x2 vs actual: {:#x}", ecn));
      }
      break;
    case IpSpec::Check::kTos:
      out.field("tos", expected.tos, actual.tos);
      break;
  }
  if (expected.ttl) out.field("ttl", *expected.ttl, actual.ttl);
}

void compare_flags(const TcpSpec& expected, const TcpFields& actual, Differences& out) {
  static constexpr std::pair<std::uint8_t, std::string_view> kBits[] = {
      {wire::kFin, "tcp_fin"}, {wire::kSyn, "tcp_syn"}, {wire::kRst, "tcp_rst"},
      {wire::kPsh, "tcp_psh"}, {wire::kAck, "tcp_ack"}, {wire::kUrg, "tcp_urg"},
      {wire::kEce, "tcp_ece"}, {wire::kCwr, "tcp_cwr"},
  };
  const auto bit = [](bool set) { return set ? 1u : 0u; };
  for (const auto& [flag, name] : kBits) {
    if (expected.ace && (flag == wire::kEce || flag == wire::kCwr)) continue;
    out.field(name, bit((expected.flags & flag) != 0), bit(actual.has(flag)));
  }
  if (expected.ace) {
    TcpFields with;
    with.flags = expected.flags;
    with.accurate_ecn = expected.accurate_ecn;
    out.field("tcp_ace", static_cast<std::uint32_t>(with.ace()),
              static_cast<std::uint32_t>(actual.ace()));
  } else {
    out.field("tcp_ae", bit(expected.accurate_ecn), bit(actual.accurate_ecn));
  }
  out.field("tcp_reserved_bits", 0, actual.reserved);
}

void compare_timestamps(const TcpOption& expected, const TcpOption& actual,
                        const CompareRules& rules, Differences& out) {
  if (rules.timestamp_echo) out.field("tcp_ts_ecr", word_of(expected, 1), word_of(actual, 1));
  if (rules.timestamp_tick == Duration{}) return;
  const auto apart = static_cast<std::int32_t>(word_of(actual, 0) - word_of(expected, 0));
  if (std::abs(std::int64_t{apart}) * rules.timestamp_tick > rules.timestamp_tolerance) {
    out.add(
        fmt::format("bad outbound TCP timestamp value: expected: {} vs actual: {}, tolerance {}",
                    word_of(expected, 0), word_of(actual, 0),
                    rules.timestamp_tolerance / std::chrono::microseconds(1)));
  }
}

void compare_options(const std::vector<TcpOption>& expected, const std::vector<TcpOption>& actual,
                     const CompareRules& rules, Differences& out) {
  const bool same_kinds =
      std::equal(expected.begin(), expected.end(), actual.begin(), actual.end(),
                 [](const TcpOption& a, const TcpOption& b) { return a.kind == b.kind; });
  if (!same_kinds) {
    return out.add(fmt::format("bad outbound TCP options: expected: <{}> vs actual: <{}>",
                               text_of(expected), text_of(actual)));
  }
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const bool timestamps = expected[i].kind == kOptionTimestamps && actual[i].data.size() == 8;
    if (timestamps) {
      compare_timestamps(expected[i], actual[i], rules, out);
    } else if (expected[i] != actual[i]) {
      out.add(fmt::format("bad {} in outbound TCP option (kind={}): expected: {} actual: {}",
                          expected[i].data.size() == actual[i].data.size() ? "value" : "length",
                          expected[i].kind, text_of(expected[i]), text_of(actual[i])));
    }
  }
}

void compare_tcp(const TcpSpec& expected, const TcpFields& actual, const CompareRules& rules,
                 Differences& out) {
  compare_flags(expected, actual, out);
  out.field("tcp_seq", expected.seq, actual.seq);
  out.field("tcp_ack_seq", expected.ack, actual.ack);
  if (expected.window) out.field("tcp_window", *expected.window, actual.window);
  out.field("tcp_urg_ptr", expected.urgent, actual.urgent);
  if (expected.options) compare_options(*expected.options, actual.options, rules, out);
  if (expected.payload != actual.payload.size()) {
    out.add(fmt::format("live packet payload: expected {} bytes vs actual {} bytes",
                        expected.payload, actual.payload.size()));
  } else if (std::any_of(actual.payload.begin(), actual.payload.end(),
                         [](std::uint8_t byte) { return byte != 0; })) {
    out.add("incorrect outbound data payload: expected zeroes");
  }
}

void compare_icmp(const Packet& expected, const Packet& actual, Differences& out) {
  const IcmpFields& want = *expected.icmp();
  const IcmpFields& got = *actual.icmp();
  out.field("icmp_type", want.type, got.type);
  out.field("icmp_code", want.code, got.code);
}

}  // namespace

std::vector<std::string> differences(const PacketSpec& expected, const Packet& actual, bool ipv6,
                                     const CompareRules& rules) {
  Differences out;
  const auto* tcp = std::get_if<TcpSpec>(&expected.body);
  if ((tcp != nullptr) != (actual.tcp() != nullptr)) {
    out.add(fmt::format("expected a packet of {}, it is one of {}", tcp != nullptr ? "TCP" : "ICMP",
                        tcp != nullptr ? "ICMP" : "TCP"));
    return out.take();
  }
  compare_ip(expected.ip, actual, out);
  if (tcp != nullptr) {
    compare_tcp(*tcp, *actual.tcp(), rules, out);
  } else if (const auto want = packet_of(expected, ipv6)) {
    compare_icmp(*want, actual, out);
  } else {
    out.add(want.error());
  }
  return out.take();
}

std::string breaks_run(const Packet& last, const Packet& next, std::size_t rest) {
  const TcpFields* before = last.tcp();
  const TcpFields* after = next.tcp();
  if (before == nullptr || after == nullptr) return "a packet that is not TCP came between";
  // These may differ inside a run: the last piece has PSH and FIN, the first CWR.
  const auto steady = [](const TcpFields& t) {
    return t.flags & ~(wire::kPsh | wire::kFin | wire::kCwr);
  };
  const auto expected_seq = before->seq + static_cast<std::uint32_t>(before->payload.size());
  if (after->seq != expected_seq) {
    return fmt::format("aggregate candidate field tcp_seq: expected: {} vs actual: {}",
                       expected_seq, after->seq);
  }
  if (after->payload.empty()) return "aggregate candidate has no payload";
  if (steady(*before) != steady(*after)) return "aggregate candidate has other flags";
  if (before->ack != after->ack) return "aggregate candidate has another acknowledgement";
  if (before->window != after->window) return "aggregate candidate has another window";
  if (after->payload.size() < rest && after->payload.size() != before->payload.size()) {
    return fmt::format("fragment payload: expected {} bytes vs actual {} bytes",
                       before->payload.size(), after->payload.size());
  }
  return "";
}

Packet joined(const Packet& first, const Packet& next) {
  Packet whole = next;
  TcpFields& tcp = *whole.tcp();
  const TcpFields& before = *first.tcp();
  tcp.seq = before.seq;
  tcp.flags = static_cast<std::uint8_t>((tcp.flags & ~wire::kCwr) | (before.flags & wire::kCwr));
  tcp.payload.insert(tcp.payload.begin(), before.payload.begin(), before.payload.end());
  return whole;
}

}  // namespace estab::lab
