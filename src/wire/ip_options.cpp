#include "wire/ip_options.h"

namespace estab::wire {
namespace {

bool is_source_route(std::uint8_t type) {
  return type == static_cast<std::uint8_t>(IpOption::kLooseSourceRoute) ||
         type == static_cast<std::uint8_t>(IpOption::kStrictSourceRoute);
}

// The whole next option, of one byte or more; empty when its length is illegal.
Bytes first_option(Bytes options) {
  if (options[0] == static_cast<std::uint8_t>(IpOption::kNoOperation)) return options.first(1);
  if (options.size() < 2 || options[1] < 2 || options[1] > options.size()) return {};
  return options.first(options[1]);
}

bool content_is_sound(Bytes option) {
  switch (static_cast<IpOption>(option[0])) {
    case IpOption::kRecordRoute:
    case IpOption::kLooseSourceRoute:
    case IpOption::kStrictSourceRoute:
      // Type, length, pointer, addresses; the pointer counts from 1 and is at least 4.
      return option.size() >= 3 && (option.size() - 3) % 4 == 0 && option[2] >= 4 &&
             option[2] % 4 == 0;
    case IpOption::kTimestamp:
      return option.size() >= 4 && option[2] >= 5;
    case IpOption::kEnd:
    case IpOption::kNoOperation:
      break;
  }
  return true;  // RFC 1122 3.2.1.8: options that we don't know are passed over
}

}  // namespace

bool ip_options_are_sound(Bytes options) {
  int source_routes = 0;
  while (!options.empty() && options[0] != static_cast<std::uint8_t>(IpOption::kEnd)) {
    const Bytes option = first_option(options);
    if (option.empty() || !content_is_sound(option)) return false;
    if (is_source_route(option[0]) && ++source_routes > 1) return false;
    options = options.subspan(option.size());
  }
  return true;
}

Bytes find_source_route(Bytes options) {
  while (!options.empty() && options[0] != static_cast<std::uint8_t>(IpOption::kEnd)) {
    const Bytes option = first_option(options);
    if (option.empty()) return {};
    if (is_source_route(option[0])) return content_is_sound(option) ? option : Bytes{};
    options = options.subspan(option.size());
  }
  return {};
}

}  // namespace estab::wire
