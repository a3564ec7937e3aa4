#include <array>

#include "base/bytes.h"
#include "lab/script/option_kinds.h"
#include "lab/script/parser.h"
#include "wire/segment.h"

namespace estab::lab {
namespace {

constexpr std::size_t kMaxOptions = 40;

void parse_tos(TokenStream& tokens, IpSpec& ip) {
  static constexpr std::array<std::pair<std::string_view, EcnBits>, 4> kEcn{
      {{"noecn", EcnBits::kNone},
       {"ect0", EcnBits::kEct0},
       {"ect1", EcnBits::kEct1},
       {"ce", EcnBits::kCe}}};
  for (const auto& [name, bits] : kEcn) {
    if (!tokens.take(name)) continue;
    ip.check = IpSpec::Check::kEcn;
    ip.tos = static_cast<std::uint8_t>(bits);
    return;
  }
  if (tokens.take("ect01")) {
    ip.check = IpSpec::Check::kEitherEct;
  } else if (tokens.take("tos")) {
    ip.check = IpSpec::Check::kTos;
    ip.tos = tokens.number<std::uint8_t>("the TOS byte");
  } else {
    tokens.expected("noecn, ect0, ect1, ect01, ce, tos, ttl or flowlabel");
  }
}

void parse_flow_label(TokenStream& tokens, IpSpec& ip) {
  ip.flow_label = static_cast<std::uint32_t>(tokens.integer("the flow label", 0, 0xfffff));
}

// [ect0], (tos 0x10), [ttl 1], [ect0, flowlabel 0x1].
IpSpec parse_ip_spec(TokenStream& tokens) {
  IpSpec ip;
  const bool square = tokens.take('[');
  if (!square && !tokens.take('(')) return ip;
  if (tokens.take("flowlabel")) {
    parse_flow_label(tokens, ip);
  } else if (tokens.take("ttl")) {
    ip.ttl = tokens.number<std::uint8_t>("the TTL");
  } else {
    parse_tos(tokens, ip);
    if (tokens.take(',')) {
      tokens.expect("flowlabel");
      parse_flow_label(tokens, ip);
    }
  }
  tokens.expect(square ? ']' : ')');
  return ip;
}

// --- TCP

std::optional<std::uint8_t> flag_of(char letter) {
  switch (letter) {
    case 'F':
      return wire::kFin;
    case 'S':
      return wire::kSyn;
    case 'R':
      return wire::kRst;
    case 'P':
      return wire::kPsh;
    case '.':
      return wire::kAck;
    case 'U':
      return wire::kUrg;
    case 'E':
      return wire::kEce;
    case 'W':
      return wire::kCwr;
    default:
      return std::nullopt;
  }
}

// "S", "S.", "P.", ".", "-", "SEWA", "P.5": a digit is the ACE field (RFC 9768 3.1).
void parse_flags(TokenStream& tokens, TcpSpec& tcp) {
  std::string letters;
  const Token& first = tokens.peek();
  if (tokens.take('-')) return;
  if (first.kind == TokenKind::kWord) letters = tokens.next().text;
  if (tokens.peek().kind == TokenKind::kFloat) {
    letters += tokens.next().text;
  } else if (tokens.take('.')) {
    letters += '.';
  }
  if (letters.empty()) tokens.expected("TCP flags (S, S., P., F., R, ., -, ...)");
  bool ecn = false;
  for (const char letter : letters) {
    const bool digit = letter >= '0' && letter <= '7';
    if ((digit && (ecn || tcp.ace)) ||
        (tcp.ace && (letter == 'E' || letter == 'W' || letter == 'A'))) {
      throw Problem(Trouble::kWrong, first.line, first.column,
                    "expected either E, W, A or one ACE digit among the TCP flags");
    }
    if (digit) {
      const int ace = letter - '0';
      tcp.ace = ace != 0;
      tcp.flags |=
          static_cast<std::uint8_t>((ace & 1 ? wire::kEce : 0) | (ace & 2 ? wire::kCwr : 0));
      tcp.accurate_ecn = (ace & 4) != 0;
    } else if (letter == 'A') {
      tcp.accurate_ecn = ecn = true;
    } else if (const auto flag = flag_of(letter)) {
      tcp.flags |= *flag;
      ecn = ecn || letter == 'E' || letter == 'W';
    } else {
      throw Problem(Trouble::kWrong, first.line, first.column,
                    fmt::format("expected TCP flags of .FSRPEWAU01234567, found '{}'", letter));
    }
  }
}

// 1:1001(1000)
std::pair<std::uint32_t, std::uint32_t> parse_range(TokenStream& tokens) {
  const auto begin = tokens.number<std::uint32_t>("the first sequence number");
  tokens.expect(':');
  const auto end = tokens.number<std::uint32_t>("the sequence number after the last");
  const Token& at = tokens.peek();
  tokens.expect('(');
  const auto payload = tokens.number<std::uint16_t>("the payload's bytes");
  tokens.expect(')');
  if (end != begin + payload) {
    throw Problem(Trouble::kWrong, at.line, at.column,
                  fmt::format("expected {}:{}({}): sequence numbers and payload disagree", begin,
                              begin + payload, payload));
  }
  return {begin, payload};
}

void append16(TcpOption& option, std::uint16_t value) {
  option.data.resize(option.data.size() + 2);
  store_be16(option.data.data() + option.data.size() - 2, value);
}

void append32(TcpOption& option, std::uint32_t value) {
  option.data.resize(option.data.size() + 4);
  store_be32(option.data.data() + option.data.size() - 4, value);
}

// 1001:2001 3001:4001
TcpOption parse_sack(TokenStream& tokens) {
  TcpOption option{kOptionSack, {}};
  do {
    append32(option, tokens.number<std::uint32_t>("the SACK block's left edge"));
    tokens.expect(':');
    append32(option, tokens.number<std::uint32_t>("the SACK block's right edge"));
  } while (tokens.peek().kind == TokenKind::kInteger);
  return option;
}

TcpOption parse_timestamps(TokenStream& tokens) {
  TcpOption option{kOptionTimestamps, {}};
  tokens.expect("val");
  append32(option, tokens.number<std::uint32_t>("the timestamp"));
  tokens.expect("ecr");
  append32(option, tokens.number<std::uint32_t>("the timestamp's echo"));
  return option;
}

// FO, FO a1b2c3d4: the cookie in hexadecimal. FOEXP: the same in option 254 (RFC 6994, 0xf989).
TcpOption parse_fast_open(TokenStream& tokens, bool experimental) {
  TcpOption option{experimental ? kOptionExperiment : kOptionFastOpen, {}};
  if (experimental) append16(option, kFastOpenMagic);
  const Token& cookie = tokens.peek();
  if (cookie.kind != TokenKind::kWord && cookie.kind != TokenKind::kInteger) return option;
  if (cookie.text.size() % 2 != 0) tokens.expected("a cookie of an even number of hex digits");
  for (std::size_t i = 0; i < cookie.text.size(); i += 2) {
    const std::string digits = cookie.text.substr(i, 2);
    if (digits.find_first_not_of("0123456789abcdefABCDEF") != digits.npos) {
      tokens.expected("a cookie in hexadecimal");
    }
    option.data.push_back(static_cast<std::uint8_t>(std::stoi(digits, nullptr, 16)));
  }
  tokens.next();
  return option;
}

// ECN e0b 1 ceb 0 e1b 1: byte counters in 24 bits (RFC 9768 3.2.3).
TcpOption parse_accurate_ecn(TokenStream& tokens) {
  const bool e1_first = tokens.peek().is("e1b");
  TcpOption option{e1_first ? kOptionAccEcn1 : kOptionAccEcn0, {}};
  const std::array<std::string_view, 3> order{e1_first ? "e1b" : "e0b", "ceb",
                                              e1_first ? "e0b" : "e1b"};
  for (const std::string_view name : order) {
    if (!tokens.take(name)) break;
    const auto value = static_cast<std::uint32_t>(tokens.integer("a counter", 0, 0xffffff));
    append32(option, value);
    option.data.erase(option.data.end() - 4);
  }
  if (option.data.empty()) tokens.expected("e0b or e1b");
  return option;
}

TcpOption parse_tcp_option(TokenStream& tokens) {
  if (tokens.take("nop")) return {kOptionNop, {}};
  if (tokens.take("eol")) return {kOptionEnd, {}};
  if (tokens.take("sackOK")) return {kOptionSackPermitted, {}};
  if (tokens.take("mss")) {
    TcpOption option{kOptionMss, {}};
    append16(option, tokens.number<std::uint16_t>("the MSS"));
    return option;
  }
  if (tokens.take("wscale")) {
    return {kOptionWindowScale, {tokens.number<std::uint8_t>("the window scale")}};
  }
  if (tokens.take("sack")) return parse_sack(tokens);
  if (tokens.take("TS")) return parse_timestamps(tokens);
  if (tokens.take("FO")) return parse_fast_open(tokens, false);
  if (tokens.take("FOEXP")) return parse_fast_open(tokens, true);
  if (tokens.take("ECN")) return parse_accurate_ecn(tokens);
  if (tokens.peek().is("md5")) tokens.not_supported("option md5 (RFC 2385)");
  tokens.expected("a TCP option (mss, nop, eol, wscale, sackOK, sack, TS, FO, FOEXP, ECN)");
}

std::vector<TcpOption> parse_tcp_options(TokenStream& tokens) {
  std::vector<TcpOption> options;
  std::size_t bytes = 0;
  const Token& first = tokens.peek();
  do {
    options.push_back(parse_tcp_option(tokens));
    bytes += wire_size(options.back());
  } while (tokens.take(','));
  if (bytes % 4 != 0 || bytes > kMaxOptions) {
    throw Problem(Trouble::kWrong, first.line, first.column,
                  fmt::format("expected TCP options of a multiple of 4 bytes, at most {}: these "
                              "take {} (add nop or eol)",
                              kMaxOptions, bytes));
  }
  return options;
}

TcpSpec parse_tcp(TokenStream& tokens, bool inbound) {
  TcpSpec tcp;
  const Token& first = tokens.peek();
  if (first.kind == TokenKind::kInteger && tokens.peek(1).is('>')) {
    tcp.source_port = tokens.number<std::uint16_t>("the source port");
    tokens.expect('>');
    tcp.destination_port = tokens.number<std::uint16_t>("the destination port");
  }
  parse_flags(tokens, tcp);
  const auto [seq, payload] = parse_range(tokens);
  tcp.seq = seq;
  tcp.payload = static_cast<std::uint16_t>(payload);
  if (tokens.take("ack")) tcp.ack = tokens.number<std::uint32_t>("the acknowledgement number");
  if (tokens.take("win")) tcp.window = tokens.number<std::uint16_t>("the window");
  if (tokens.take("urg")) tcp.urgent = tokens.number<std::uint16_t>("the urgent pointer");
  tcp.options.emplace();
  if (tokens.take('<')) {
    if (tokens.peek().kind == TokenKind::kEllipsis) {
      if (inbound) tokens.expected("options: <...> is for outbound packets alone");
      tokens.next();
      tcp.options.reset();
    } else {
      tcp.options = parse_tcp_options(tokens);
    }
    tokens.expect('>');
  }
  if (inbound && !tcp.window) {
    throw Problem(Trouble::kWrong, first.line, first.column,
                  "expected win: an inbound packet has its window");
  }
  return tcp;
}

// --- ICMP

bool is_icmp_code(const Token& token) {
  return token.kind == TokenKind::kWord && token.text != "mtu" && token.text != "id";
}

void parse_quoted(TokenStream& tokens, IcmpSpec& icmp) {
  if (!tokens.take('[')) return;
  const bool udp = tokens.take("udp");
  if (udp || tokens.take("raw")) {
    icmp.quoted = udp ? IcmpSpec::Quoted::kUdp : IcmpSpec::Quoted::kNothing;
    tokens.expect('(');
    icmp.payload = tokens.number<std::uint16_t>("the payload's bytes");
    tokens.expect(')');
  } else {
    std::tie(icmp.seq, icmp.payload) = parse_range(tokens);
  }
  tokens.expect(']');
}

IcmpSpec parse_icmp(TokenStream& tokens) {
  IcmpSpec icmp;
  icmp.type = tokens.word("the ICMP type");
  if (is_icmp_code(tokens.peek())) icmp.code = tokens.next().text;
  if (tokens.take("mtu")) icmp.mtu = tokens.number<std::uint32_t>("the MTU");
  if (tokens.take("id")) icmp.echo_id = tokens.number<std::uint16_t>("the echo's identifier");
  parse_quoted(tokens, icmp);
  return icmp;
}

}  // namespace

PacketSpec parse_packet(TokenStream& tokens) {
  PacketSpec packet;
  packet.inbound = tokens.take('<');
  if (!packet.inbound) tokens.expect('>');
  for (const std::string_view outer : {"ipv4", "ipv6", "gre", "GREv0", "mpls"}) {
    if (tokens.peek().is(outer)) tokens.not_supported(fmt::format("encapsulation ({})", outer));
  }
  packet.ip = parse_ip_spec(tokens);
  if (packet.inbound && packet.ip.check == IpSpec::Check::kEitherEct) {
    tokens.expected("ect0 or ect1: [ect01] is for outbound packets alone");
  }
  if (tokens.peek().is("udp")) tokens.not_supported("UDP");
  if (tokens.peek().is("encap")) tokens.not_supported("PSP");
  if (tokens.take("icmp")) {
    packet.body = parse_icmp(tokens);
  } else {
    packet.body = parse_tcp(tokens, packet.inbound);
  }
  return packet;
}

}  // namespace estab::lab
