// How one script is run: its --options, and those of the command line, which win.
#pragma once
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "estab/address.h"
#include "estab/time.h"
#include "lab/script/ast.h"
#include "lab/script/lexer.h"
#include "lab/script/problem.h"

namespace estab::lab {

enum class IpMode : std::uint8_t {
  kIpv4,
  kIpv6,
  kMapped,  // IPv4 on the wire, AF_INET6 at the calls
};

std::optional<IpMode> ip_mode_named(std::string_view name);  // "ipv4", "ipv6", "ipv4-mapped-ipv6"

struct ScriptSettings {
  IpMode ip = IpMode::kIpv4;
  Prefix local{};  // ours, and the link's prefix
  IpAddress remote;
  Port bind_port{8080};
  Port connect_port{8080};
  std::size_t mtu = 1500;
  Duration tolerance = std::chrono::microseconds(4000);
  double tolerance_percent = 12.5;  // of the time since the event before, when that is more
  bool strict_segments = false;     // one live segment a script packet
  bool scaled_timestamp_echo = false;
  Duration timestamp_tick{};  // 0: the values of outbound timestamps are not compared

  bool wire_is_v6() const { return ip == IpMode::kIpv6; }
};

// `winning` (the command line's) over the script's own, a later option over an earlier one of that
// name. A script's addresses give way to the default ones when the command line asks for the other
// family. The problem's line is the option's.
tl::expected<ScriptSettings, Problem> settings_of(const std::vector<ScriptOption>& script,
                                                  const std::vector<ScriptOption>& winning = {});

// Words that scripts may use unless they or the command line define them: what the runner of
// google's scripts defines.
Definitions usual_definitions(IpMode ip);

}  // namespace estab::lab
