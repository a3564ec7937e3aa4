#include "lab/script/settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <functional>
#include <map>

namespace estab::lab {
namespace {

[[noreturn]] void wrong(const ScriptOption& option, std::string_view expected) {
  throw Problem(Trouble::kWrong, option.line, 0,
                fmt::format("--{}={}: expected {}", option.name, option.value, expected));
}

std::int64_t number(const ScriptOption& option, std::int64_t low, std::int64_t high) {
  std::int64_t value = 0;
  const char* const end = option.value.data() + option.value.size();
  const auto read = std::from_chars(option.value.data(), end, value);
  if (read.ec != std::errc() || read.ptr != end || value < low || value > high) {
    wrong(option, fmt::format("a number from {} to {}", low, high));
  }
  return value;
}

// Addresses wait until the family is known.
struct Draft {
  ScriptSettings settings;
  std::optional<ScriptOption> local;
  std::optional<ScriptOption> remote;
  std::optional<ScriptOption> netmask;
  bool mtu_given = false;
  std::optional<IpMode> script_ip{};  // before the command line's
};

using Setter = std::function<void(Draft&, const ScriptOption&)>;

void set_ip_version(Draft& draft, const ScriptOption& option) {
  const auto mode = ip_mode_named(option.value);
  if (!mode) wrong(option, "ipv4, ipv6 or ipv4-mapped-ipv6");
  draft.settings.ip = *mode;
}

Setter port(Port ScriptSettings::*member) {
  return [member](Draft& draft, const ScriptOption& option) {
    draft.settings.*member = Port{static_cast<std::uint16_t>(number(option, 1, 65535))};
  };
}

Setter micros(Duration ScriptSettings::*member) {
  return [member](Draft& draft, const ScriptOption& option) {
    draft.settings.*member = std::chrono::microseconds(number(option, 0, 1'000'000'000));
  };
}

void set_percent(Draft& draft, const ScriptOption& option) {
  char* end = nullptr;
  draft.settings.tolerance_percent = std::strtod(option.value.c_str(), &end);
  if (option.value.empty() || *end != '\0' || draft.settings.tolerance_percent < 0) {
    wrong(option, "a percentage");
  }
}

void set_mtu(Draft& draft, const ScriptOption& option) {
  draft.settings.mtu = static_cast<std::size_t>(number(option, 68, 65535));
  draft.mtu_given = true;
}

void ignore(Draft&, const ScriptOption&) {}

const std::map<std::string_view, Setter>& setters() {
  static const std::map<std::string_view, Setter> all = {
      {"ip_version", set_ip_version},
      {"bind_port", port(&ScriptSettings::bind_port)},
      {"connect_port", port(&ScriptSettings::connect_port)},
      {"local_ip", [](Draft& d, const ScriptOption& o) { d.local = o; }},
      {"remote_ip", [](Draft& d, const ScriptOption& o) { d.remote = o; }},
      {"netmask_ip", [](Draft& d, const ScriptOption& o) { d.netmask = o; }},
      {"mtu", set_mtu},
      {"tolerance_usecs", micros(&ScriptSettings::tolerance)},
      {"tolerance_percent", set_percent},
      {"tcp_ts_tick_usecs", micros(&ScriptSettings::timestamp_tick)},
      {"tcp_ts_ecr_scaled",
       [](Draft& d, const ScriptOption&) { d.settings.scaled_timestamp_echo = true; }},
      {"strict_segments", [](Draft& d, const ScriptOption&) { d.settings.strict_segments = true; }},
      // Of a kernel's device or of the tool's own process: nothing here is like them.
      {"gateway_ip", ignore},
      {"speed", ignore},
      {"mss", ignore},
      {"send_omit_free", ignore},
      {"verbose", ignore},
      {"v", ignore},
      {"debug", ignore},
      {"dry_run", ignore},
      {"is_anyip", ignore},
      {"define", ignore},  // parse_script() has seen it
      {"code_command", ignore},
      {"code_format", ignore},
      {"code_sockopt", ignore},
      {"init_scripts", ignore},
  };
  return all;
}

bool is_elsewhere(std::string_view name) {
  return name.starts_with("wire_") || name.starts_with("so_") || name == "psp_udp_port" ||
         name == "non_fatal";
}

IpAddress address_of(const std::optional<ScriptOption>& option, const char* otherwise,
                     const Draft& draft) {
  const bool v6 = draft.settings.wire_is_v6();
  if (!option) return *IpAddress::parse(otherwise);
  const auto address = IpAddress::parse(option->value.substr(0, option->value.find('/')));
  if (address && address->is_v6() == v6) return *address;
  const bool of_script = option->line > 0 && draft.script_ip != draft.settings.ip;
  if (!address || !of_script) wrong(*option, v6 ? "an IPv6 address" : "an IPv4 address");
  return *IpAddress::parse(otherwise);
}

int netmask_length(const std::optional<ScriptOption>& option) {
  if (!option) return 16;
  const auto mask = IpAddress::parse(option->value);
  if (!mask || !mask->is_v4()) wrong(*option, "an IPv4 netmask");
  return __builtin_popcount(mask->v4_value());
}

void apply(Draft& draft, const ScriptOption& option) {
  if (const auto found = setters().find(option.name); found != setters().end()) {
    return found->second(draft, option);
  }
  if (is_elsewhere(option.name)) {
    throw Problem(Trouble::kNotSupported, option.line, 0,
                  fmt::format("--{} is not supported", option.name));
  }
  throw Problem(Trouble::kWrong, option.line, 0,
                fmt::format("expected an option of packet scripts, found --{}", option.name));
}

ScriptSettings finish(const Draft& draft) {
  ScriptSettings settings = draft.settings;
  const bool v6 = settings.wire_is_v6();
  settings.local.address = address_of(draft.local, v6 ? "fd3d:0a0b:17d6::1" : "192.168.0.1", draft);
  settings.local.length = v6 ? 48 : netmask_length(draft.netmask);
  settings.remote = address_of(draft.remote, v6 ? "fd3d:fa7b:d17d::1" : "192.0.2.1", draft);
  // So that the MSS is 1460 in both families, as the scripts have it.
  if (v6 && !draft.mtu_given) settings.mtu = 1520;
  return settings;
}

}  // namespace

std::optional<IpMode> ip_mode_named(std::string_view name) {
  if (name == "ipv4") return IpMode::kIpv4;
  if (name == "ipv6") return IpMode::kIpv6;
  if (name == "ipv4-mapped-ipv6") return IpMode::kMapped;
  return std::nullopt;
}

tl::expected<ScriptSettings, Problem> settings_of(const std::vector<ScriptOption>& script,
                                                  const std::vector<ScriptOption>& winning) {
  try {
    Draft draft;
    for (const ScriptOption& option : script) apply(draft, option);
    draft.script_ip = draft.settings.ip;
    for (const ScriptOption& option : winning) apply(draft, option);
    return finish(draft);
  } catch (const Problem& problem) {
    return tl::unexpected(problem);
  }
}

Definitions usual_definitions(IpMode ip) {
  const bool v6_calls = ip != IpMode::kIpv4;
  Definitions all = {
      {"CMSG_LEVEL_IP", v6_calls ? "SOL_IPV6" : "SOL_IP"},
      {"CMSG_TYPE_RECVERR", v6_calls ? "IPV6_RECVERR" : "IP_RECVERR"},
      // Cookies of the default addresses under the key that the scripts set.
      {"TFO_COOKIE", ip == IpMode::kIpv6 ? "c1d1e9742a47a9bc" : "3021b9d889017eeb"},
  };
  if (ip != IpMode::kIpv6) all.emplace("CODE", "host_unreachable");
  return all;
}

}  // namespace estab::lab
