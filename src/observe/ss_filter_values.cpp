#include "observe/ss_filter_values.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netdb.h>
#include <pwd.h>
#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string_view>

#include "observe/linux/cgroups.h"

namespace estab::observe {
namespace {

using Hosts = tl::expected<std::vector<HostTest>, std::string>;

tl::unexpected<std::string> wrong(std::string text) { return tl::unexpected(std::move(text)); }

// As strtoul with base 0 reads it: 80, 0x50, 0120.
std::optional<std::uint64_t> number_of(const std::string& text) {
  if (text.empty() || text[0] < '0' || text[0] > '9') return std::nullopt;
  char* end = nullptr;
  errno = 0;
  const std::uint64_t value = std::strtoull(text.c_str(), &end, 0);
  if (errno != 0 || *end != 0) return std::nullopt;
  return value;
}

std::optional<int> port_of(const std::string& text) {
  if (text.empty() || text[0] == '*') return -1;
  if (const auto number = number_of(text)) {
    return static_cast<int>(std::min<std::uint64_t>(*number, 0x7fffffff));
  }
  servent found{};
  servent* service = nullptr;
  char room[1024];
  if (::getservbyname_r(text.c_str(), "tcp", &found, room, sizeof room, &service) != 0 ||
      service == nullptr) {
    return std::nullopt;
  }
  return ntohs(static_cast<std::uint16_t>(service->s_port));
}

// "10.1" is 10.1.0.0, as in ss.
bool read_ipv4(const std::string& text, HostTest& to) {
  std::size_t part = 0;
  std::size_t at = 0;
  while (part < 4) {
    const std::size_t dot = std::min(text.find('.', at), text.size());
    const auto value = number_of(text.substr(at, dot - at));
    if (!value || *value > 255) return false;
    to.address[part++] = static_cast<std::uint8_t>(*value);
    if (dot == text.size()) return true;
    at = dot + 1;
  }
  return false;
}

// "8" or "255.0.0.0".
std::optional<int> prefix_length(const std::string& text) {
  if (const auto bits = number_of(text))
    return static_cast<int>(std::min<std::uint64_t>(*bits, 999));
  in_addr mask{};
  if (::inet_pton(AF_INET, text.c_str(), &mask) != 1) return std::nullopt;
  const std::uint32_t inverse = ~ntohl(mask.s_addr);
  if ((inverse & (inverse + 1)) != 0) return std::nullopt;
  int bits = 32;
  for (std::uint32_t rest = inverse; rest != 0; rest >>= 1) --bits;
  return bits;
}

std::optional<HostTest> block_of(const std::string& text, std::uint8_t family) {
  HostTest host;
  const std::size_t slash = text.find('/');
  const std::string address = text.substr(0, slash);
  if (address == "any" || address == "all" || address == "default") {
    if (slash != text.npos) return std::nullopt;
    host.family = family;
    return host;
  }
  const bool v6 = address.find(':') != address.npos;
  if (family != 0 && (family == 6) != v6) return std::nullopt;
  host.family = v6 ? 6 : 4;
  const bool read = v6 ? ::inet_pton(AF_INET6, address.c_str(), host.address.data()) == 1
                       : read_ipv4(address, host);
  if (!read) return std::nullopt;
  const int longest = v6 ? 128 : 32;
  const auto bits = slash == text.npos ? longest : prefix_length(text.substr(slash + 1));
  if (!bits || *bits > longest) return std::nullopt;
  host.prefix_length = static_cast<std::uint8_t>(*bits);
  return host;
}

std::vector<HostTest> hosts_named(const std::string& name, std::uint8_t family) {
  std::vector<HostTest> hosts;
  const bool plain = std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '.' ||
           c == '-' || c == '_';
  });
  if (!plain) return hosts;
  addrinfo hints{};
  hints.ai_family = family == 0 ? AF_UNSPEC : family == 4 ? AF_INET : AF_INET6;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* all = nullptr;
  if (::getaddrinfo(name.c_str(), nullptr, &hints, &all) != 0) return hosts;
  for (const addrinfo* one = all; one != nullptr; one = one->ai_next) {
    HostTest host;
    if (one->ai_family == AF_INET) {
      const auto* address = reinterpret_cast<const sockaddr_in*>(one->ai_addr);
      host.family = 4;
      host.prefix_length = 32;
      std::memcpy(host.address.data(), &address->sin_addr, 4);
    } else {
      const auto* address = reinterpret_cast<const sockaddr_in6*>(one->ai_addr);
      host.family = 6;
      host.prefix_length = 128;
      std::memcpy(host.address.data(), &address->sin6_addr, 16);
    }
    hosts.push_back(host);
  }
  ::freeaddrinfo(all);
  return hosts;
}

bool take_prefix(std::string& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.erase(0, prefix.size());
  return true;
}

// Where the address ends and what stands as the port: "[::1]:80", "*:80", "10.0.0.0/8:80".
struct Split {
  std::string address, port;
  bool ok = true;
};
Split split_host(const std::string& text) {
  const auto after_colon = [](const std::string& rest) {
    return rest.starts_with(':') ? rest.substr(1) : rest;
  };
  if (text.starts_with('[')) {
    const std::size_t close = text.find(']');
    if (close == text.npos) return {"", "", false};
    std::string rest = text.substr(close + 1);
    std::string address = text.substr(1, close - 1);
    if (rest.starts_with('/')) {  // beyond ss: [fd00::]/8
      const std::size_t colon = std::min(rest.find(':'), rest.size());
      address += rest.substr(0, colon);
      rest.erase(0, colon);
    }
    return {address, after_colon(rest)};
  }
  if (text.starts_with('*')) return {"", after_colon(text.substr(1))};
  const std::size_t slash = text.find('/');
  const std::size_t colon = text.rfind(':');
  if (colon == text.npos || (slash != text.npos && colon < slash)) return {text, ""};
  return {text.substr(0, colon), text.substr(colon + 1)};
}

}  // namespace

Hosts parse_host_test(std::string text, bool port_only, std::uint8_t& family) {
  for (const char* other : {"unix:", "link:", "netlink:", "vsock:"}) {
    if (text.starts_with(other)) return wrong("only TCP is shown: no " + std::string(other));
  }
  if (take_prefix(text, "inet:")) {
    family = 4;
  } else if (take_prefix(text, "inet6:")) {
    family = 6;
  }
  HostTest host;
  if (port_only) {
    const std::string port = text.starts_with(':') ? text.substr(1) : text;
    const auto value = port_of(port);
    if (!value) return wrong("\"" + port + "\" does not look like a port");
    host.port = *value;
    return std::vector{host};
  }
  const Split split = split_host(text);
  if (!split.ok) return wrong("cannot parse dst/src address: expected ']' in '" + text + "'");
  // An IPv6 address without brackets: its last group is no port when the rest is no address.
  const auto whole = block_of(text, family);
  const bool part_is_address = split.address.empty() || block_of(split.address, family);
  if (whole && !part_is_address) return std::vector{*whole};
  const auto port = port_of(split.port);
  if (!port) return wrong("\"" + split.port + "\" does not look like a port");
  host.port = *port;
  if (split.address.empty()) return std::vector{host};
  if (const auto block = block_of(split.address, family)) {
    host = *block;
    host.port = *port;
    return std::vector{host};
  }
  std::vector<HostTest> hosts = hosts_named(split.address, family);
  if (hosts.empty()) {
    return wrong("an inet prefix is expected rather than \"" + split.address + "\"");
  }
  for (HostTest& one : hosts) one.port = *port;
  return hosts;
}

bool parse_number(const std::string& text, FilterTest& to) {
  const auto value = number_of(text);
  if (value) to.number = *value;
  return value.has_value();
}

bool parse_device(const std::string& text, FilterTest& to) {
  to.number = ::if_nametoindex(text.c_str());
  return to.number != 0 || parse_number(text, to);
}

bool parse_mark(const std::string& text, FilterTest& to) {
  const std::size_t slash = text.find('/');
  to.mask = 0xffffffff;
  if (slash != text.npos) {
    FilterTest mask;
    if (!parse_number(text.substr(slash + 1), mask)) return false;
    to.mask = static_cast<std::uint32_t>(mask.number);
  }
  return parse_number(text.substr(0, slash), to);
}

bool parse_cgroup(const std::string& text, FilterTest& to) {
  to.number = cgroup_of_path(text);
  return to.number != 0;
}

bool parse_namespace(const std::string& text, FilterTest& to) {
  if (parse_number(text, to)) return true;
  const std::string path = text.find('/') != text.npos ? text : "/run/netns/" + text;
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return false;
  to.number = status.st_ino;
  return true;
}

bool parse_timer_kind(const std::string& text, FilterTest& to) {
  constexpr std::string_view kNames[] = {"off", "on", "keepalive", "timewait", "persist"};
  for (std::size_t i = 0; i < std::size(kNames); ++i) {
    if (text == kNames[i]) {
      to.number = i;
      return true;
    }
  }
  return false;
}

bool parse_bytes(const std::string& text, FilterTest& to) {
  if (text.empty()) return false;
  std::string digits = text;
  std::uint64_t unit = 1;
  const char last = static_cast<char>(text.back() | 0x20);
  if (last == 'k') unit = 1024;
  if (last == 'm') unit = 1024 * 1024;
  if (last == 'g') unit = 1024 * 1024 * 1024;
  if (unit != 1) digits.pop_back();
  if (!parse_number(digits, to)) return false;
  to.number *= unit;
  return true;
}

bool parse_duration(const std::string& text, FilterTest& to) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || value < 0) return false;
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  double seconds = 0;
  if (unit.empty() || unit == "s" || unit == "sec") {
    seconds = value;
  } else if (unit == "us") {
    seconds = value / 1e6;
  } else if (unit == "ms") {
    seconds = value / 1e3;
  } else if (unit == "m" || unit == "min") {
    seconds = value * 60;
  } else if (unit == "h") {
    seconds = value * 3600;
  } else if (unit == "d") {
    seconds = value * 86400;
  } else {
    return false;
  }
  if (seconds > 1e9) return false;
  to.duration = Duration(static_cast<std::int64_t>(seconds * 1e9));
  return true;
}

bool parse_user(const std::string& text, FilterTest& to) {
  if (parse_number(text, to)) return true;
  passwd entry{};
  passwd* found = nullptr;
  char room[4096];
  if (::getpwnam_r(text.c_str(), &entry, room, sizeof room, &found) != 0 || found == nullptr) {
    return false;
  }
  to.number = found->pw_uid;
  return true;
}

}  // namespace estab::observe
