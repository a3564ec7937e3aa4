// The names that scripts give to ICMP's types and codes.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace estab::lab {

struct IcmpNumbers {
  std::uint8_t type = 0;
  std::uint8_t code = 0;
};

// "unreachable" and "frag_needed", or "type_3" and "code_4"; no code is code 0. Nothing: no such
// name in this family.
std::optional<IcmpNumbers> icmp_numbers(std::string_view type, std::string_view code, bool ipv6);
// The other way: "unreachable frag_needed".
std::string icmp_text(IcmpNumbers numbers, bool ipv6);

}  // namespace estab::lab
