// A packet script as values: what parse_script() makes of the text and the runner walks over.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "estab/time.h"

namespace estab::lab {

// --- packets

enum class EcnBits : std::uint8_t { kNone = 0, kEct1 = 1, kEct0 = 2, kCe = 3 };

// What stands in [brackets] before a packet.
struct IpSpec {
  enum class Check : std::uint8_t { kNone, kEcn, kEitherEct, kTos };
  Check check = Check::kNone;
  std::uint8_t tos = 0;  // the ECN bits alone, unless check is kTos
  std::optional<std::uint8_t> ttl;
  std::optional<std::uint32_t> flow_label;
};

// As on the wire, in the script's order. `data` excludes kind and length.
struct TcpOption {
  std::uint8_t kind = 0;
  std::vector<std::uint8_t> data;
  friend bool operator==(const TcpOption&, const TcpOption&) = default;
};

struct TcpSpec {
  std::uint16_t source_port = 0;  // 0: the connection's
  std::uint16_t destination_port = 0;
  std::uint8_t flags = 0;     // wire::Flag bits
  bool accurate_ecn = false;  // the AE bit (RFC 9768 3.1)
  bool ace = false;           // flags held the three ACE bits as a number
  std::uint32_t seq = 0;
  std::uint32_t ack = 0;
  std::uint16_t payload = 0;  // bytes, all zero
  std::uint16_t urgent = 0;
  std::optional<std::uint16_t> window;            // none: not compared
  std::optional<std::vector<TcpOption>> options;  // none: `<...>`, not compared
};

struct IcmpSpec {
  std::string type;  // "unreachable", "type_3"
  std::string code;  // "frag_needed", "code_4", ""
  std::optional<std::uint32_t> mtu;
  std::uint16_t echo_id = 0;
  enum class Quoted : std::uint8_t { kTcp, kUdp, kNothing };
  Quoted quoted = Quoted::kTcp;
  std::uint32_t seq = 0;      // of the quoted segment
  std::uint32_t payload = 0;  // of the quoted packet; of the message itself when kNothing
};

struct PacketSpec {
  bool inbound = false;
  IpSpec ip;
  std::variant<TcpSpec, IcmpSpec> body;
};

// --- system calls

struct Expression {
  enum class Kind : std::uint8_t {
    kEllipsis,
    kInteger,
    kWord,
    kString,
    kOr,      // items[0] | items[1]
    kAssign,  // text = items[0]
    kList,    // [items]
    kBraces,  // {items}: a struct when they are kAssign, an iovec, or a list
    kCall,    // text(items): htons(8080), inet_addr("..."), msg_iov(1)
  };
  Kind kind = Kind::kEllipsis;
  int line = 0;
  int column = 0;
  std::int64_t integer = 0;
  std::string text;
  std::vector<Expression> items;

  bool is(Kind k) const { return kind == k; }
  // The value of the struct's field; nullptr: it has none of that name.
  const Expression* field(std::string_view name) const {
    for (const Expression& item : items) {
      if (item.kind == Kind::kAssign && item.text == name) return &item.items[0];
    }
    return nullptr;
  }
};

struct CallSpec {
  std::string name;
  std::vector<Expression> arguments;
  Expression result;
  std::string error;                     // errno's name, or empty
  std::optional<Duration> blocks_until;  // "0.1...0.5": the second, as written
};

// --- events

struct CommandSpec {
  std::string text;
};
struct CodeSpec {
  std::string text;
};

enum class TimeKind : std::uint8_t { kAbsolute, kRelative, kAny, kAbsoluteRange, kRelativeRange };

struct Event {
  int line = 0;
  TimeKind time = TimeKind::kAbsolute;
  Duration begin{};
  Duration end{};  // of a range
  std::variant<PacketSpec, CallSpec, CommandSpec, CodeSpec> what;
};

struct ScriptOption {
  std::string name;
  std::string value;
  int line = 0;
};

struct Script {
  std::vector<ScriptOption> options;
  std::string init;  // `commands` before the first event, or empty
  int init_line = 0;
  std::vector<Event> events;
  std::string cleanup;  // after the last one
};

}  // namespace estab::lab
