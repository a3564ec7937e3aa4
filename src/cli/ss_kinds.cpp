#include "cli/ss_kinds.h"

#include <algorithm>
#include <string_view>

namespace estab::cli {
namespace {

// A bit a table of sockets, as ss divides them.
enum Table : std::uint32_t {
  kTcp = 1 << 0,
  kMptcp = 1 << 1,
  kDccp = 1 << 2,
  kUdp = 1 << 3,
  kRaw = 1 << 4,
  kSctp = 1 << 5,
  kUnixDatagram = 1 << 6,
  kUnixStream = 1 << 7,
  kUnixPacket = 1 << 8,
  kPacketDatagram = 1 << 9,
  kPacketRaw = 1 << 10,
  kNetlink = 1 << 11,
  kVsockStream = 1 << 12,
  kVsockDatagram = 1 << 13,
  kTipc = 1 << 14,
  kXdp = 1 << 15,
};
constexpr std::uint32_t kInet = kTcp | kMptcp | kDccp | kUdp | kRaw | kSctp;
constexpr std::uint32_t kUnix = kUnixDatagram | kUnixStream | kUnixPacket;
constexpr std::uint32_t kPacket = kPacketDatagram | kPacketRaw;
constexpr std::uint32_t kVsock = kVsockStream | kVsockDatagram;
constexpr std::uint32_t kAll = kInet | kUnix | kPacket | kNetlink | kVsock | kXdp;

enum Family : std::uint32_t { kV4 = 1, kV6 = 2, kLocal = 4, kLink = 8, kOther = 16 };

struct NamedTables {
  std::string_view name;
  std::uint32_t tables;
};
constexpr NamedTables kTables[] = {{"all", kAll},
                                   {"inet", kInet},
                                   {"udp", kUdp},
                                   {"dccp", kDccp},
                                   {"tcp", kTcp},
                                   {"mptcp", kMptcp},
                                   {"sctp", kSctp},
                                   {"raw", kRaw},
                                   {"unix", kUnix},
                                   {"unix_stream", kUnixStream},
                                   {"u_str", kUnixStream},
                                   {"unix_dgram", kUnixDatagram},
                                   {"u_dgr", kUnixDatagram},
                                   {"unix_seqpacket", kUnixPacket},
                                   {"u_seq", kUnixPacket},
                                   {"packet", kPacket},
                                   {"packet_raw", kPacketRaw},
                                   {"p_raw", kPacketRaw},
                                   {"packet_dgram", kPacketDatagram},
                                   {"p_dgr", kPacketDatagram},
                                   {"netlink", kNetlink},
                                   {"tipc", kTipc},
                                   {"vsock", kVsock},
                                   {"vsock_stream", kVsockStream},
                                   {"v_str", kVsockStream},
                                   {"vsock_dgram", kVsockDatagram},
                                   {"v_dgr", kVsockDatagram},
                                   {"xdp", kXdp}};

struct NamedOption {
  std::string_view name, table;
};
constexpr NamedOption kOptions[] = {{"tcp", "tcp"},   {"udp", "udp"},   {"raw", "raw"},
                                    {"dccp", "dccp"}, {"sctp", "sctp"}, {"mptcp", "mptcp"}};

std::uint32_t tables_of_family(std::uint32_t family) {
  if ((family & (kV4 | kV6)) != 0) return kInet;
  if (family == kLocal) return kUnix;
  if (family == kLink) return kPacket;
  return kNetlink | kVsock | kTipc | kXdp;
}

}  // namespace

bool SsKinds::add_table(const std::string& name) {
  const bool without = name.starts_with('!');
  const std::string_view wanted = std::string_view(name).substr(without ? 1 : 0);
  const auto* found = std::find_if(std::begin(kTables), std::end(kTables),
                                   [&](const NamedTables& t) { return t.name == wanted; });
  if (found == std::end(kTables)) return false;
  named_ = true;
  if (without) {
    tables_ &= ~found->tables;
  } else {
    tables_ |= found->tables;
    others_named_ = others_named_ || (found->tables & ~kTcp) != 0;
  }
  return true;
}

bool SsKinds::add_query(const std::string& tables) {
  if (!query_seen_) {
    query_seen_ = named_ = true;
    tables_ = 0;
    if (states_ == 0) states_ = observe::kConnectedStates;
  }
  std::size_t at = 0;
  while (at <= tables.size()) {
    const std::size_t comma = std::min(tables.find(',', at), tables.size());
    if (!add_table(tables.substr(at, comma - at))) return false;
    at = comma + 1;
  }
  return true;
}

bool SsKinds::add_family(const std::string& family) {
  std::uint32_t bit = 0;
  if (family == "inet") {
    bit = kV4;
    family_ = 4;
  } else if (family == "inet6") {
    bit = kV6;
    family_ = 6;
  } else {
    if (family == "unix") bit = kLocal;
    if (family == "link") bit = kLink;
    if (family == "netlink" || family == "vsock" || family == "tipc" || family == "xdp") {
      bit = kOther;
    }
    if (bit == 0) return false;
    others_named_ = true;
  }
  families_ |= bit;
  named_ = true;
  return true;
}

void SsKinds::add_option(const std::string& name) {
  if (name == "all") states_ = observe::kAllStates;
  if (name == "listening") states_ = observe::kListeningStates;
  if (name == "ipv4") add_family("inet");
  if (name == "ipv6") add_family("inet6");
  if (name == "unix") add_family("unix");
  if (name == "packet") add_family("link");
  if (name == "vsock" || name == "tipc" || name == "xdp") add_family(name);
  for (const NamedOption& option : kOptions) {
    if (option.name == name) add_table(std::string(option.table));
  }
}

std::uint32_t SsKinds::tables() const {
  if (!named_) return kAll;
  std::uint32_t all = tables_;
  for (std::uint32_t family = kV4; family <= kOther; family <<= 1) {
    if ((families_ & family) == 0) continue;
    if ((tables_of_family(family) & all) == 0) all |= tables_of_family(family);
  }
  return all;
}

bool SsKinds::shows_tcp() const { return (tables() & kTcp) != 0; }
bool SsKinds::one_kind() const { return (tables() & (tables() - 1)) == 0; }

// The last of -4 and -6 decides alone: so ss asks the kernel.
bool SsKinds::v4_wanted() const { return family_ != 6; }
bool SsKinds::v6_wanted() const { return family_ != 4; }

observe::StateMask SsKinds::states(const observe::SsFilter& filter) const {
  if (filter.states_given) return filter.states;
  return states_ != 0 ? states_ : observe::kConnectedStates;
}

}  // namespace estab::cli
