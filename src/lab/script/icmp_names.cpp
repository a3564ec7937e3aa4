#include "lab/script/icmp_names.h"

#include <fmt/format.h>

#include <charconv>
#include <span>

#include "wire/icmp.h"

namespace estab::lab {
namespace {

constexpr int kAnyCode = -1;  // the type's own row

struct Name {
  int type;
  int code;
  std::string_view text;
};

// RFC 792, RFC 950, RFC 1122 3.2.2.1, RFC 1812 5.2.7.1.
constexpr Name kV4[] = {
    {0, kAnyCode, "echo_reply"},
    {3, kAnyCode, "unreachable"},
    {3, 0, "net_unreachable"},
    {3, 1, "host_unreachable"},
    {3, 2, "protocol_unreachable"},
    {3, 3, "port_unreachable"},
    {3, 4, "frag_needed"},
    {3, 5, "source_route_failed"},
    {3, 6, "net_unknown"},
    {3, 7, "host_unknown"},
    {3, 8, "source_host_isolated"},
    {3, 9, "net_prohibited"},
    {3, 10, "host_prohibited"},
    {3, 11, "net_unreachable_for_tos"},
    {3, 12, "host_unreachable_for_tos"},
    {3, 13, "packet_filtered"},
    {3, 14, "precedence_violation"},
    {3, 15, "precedence_cutoff"},
    {4, kAnyCode, "source_quench"},
    {5, kAnyCode, "redirect"},
    {8, kAnyCode, "echo_request"},
    {11, kAnyCode, "time_exceeded"},
    {12, kAnyCode, "parameter_problem"},
    {13, kAnyCode, "timestamp_request"},
    {14, kAnyCode, "timestamp_reply"},
    {15, kAnyCode, "information_request"},
    {16, kAnyCode, "information_reply"},
    {17, kAnyCode, "address_mask_request"},
    {18, kAnyCode, "address_mask_reply"},
};

// RFC 4443.
constexpr Name kV6[] = {
    {1, kAnyCode, "unreachable"},   {1, 0, "no_route"},
    {1, 0, "net_unreachable"},      {1, 1, "admin_prohibited"},
    {1, 2, "not_neighbour"},        {1, 3, "address_unreachable"},
    {1, 4, "port_unreachable"},     {2, kAnyCode, "packet_too_big"},
    {3, kAnyCode, "time_exceeded"}, {3, 0, "exceeded_hop_limit"},
    {3, 1, "exceeded_frag_time"},   {4, kAnyCode, "parameter_problem"},
    {4, 0, "header_field"},         {4, 1, "unknown_next_header"},
    {4, 2, "unknown_option"},       {128, kAnyCode, "echo_request"},
    {129, kAnyCode, "echo_reply"},
};

std::span<const Name> names(bool ipv6) {
  return ipv6 ? std::span<const Name>(kV6) : std::span<const Name>(kV4);
}

// "type_3" -> 3.
std::optional<int> numbered(std::string_view text, std::string_view before) {
  if (!text.starts_with(before)) return std::nullopt;
  text.remove_prefix(before.size());
  std::uint8_t value = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  if (read.ec != std::errc() || read.ptr != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

std::optional<IcmpNumbers> icmp_numbers(std::string_view type, std::string_view code, bool ipv6) {
  std::optional<int> found_type = numbered(type, "type_");
  std::optional<int> found_code = code.empty() ? std::optional<int>(0) : numbered(code, "code_");
  for (const Name& name : names(ipv6)) {
    if (!found_type && name.code == kAnyCode && name.text == type) found_type = name.type;
    if (!found_code && found_type == name.type && name.code != kAnyCode && name.text == code) {
      found_code = name.code;
    }
  }
  if (!found_type || !found_code) return std::nullopt;
  return IcmpNumbers{static_cast<std::uint8_t>(*found_type),
                     static_cast<std::uint8_t>(*found_code)};
}

std::string icmp_text(IcmpNumbers numbers, bool ipv6) {
  std::string type = fmt::format("type_{}", numbers.type);
  std::string code = numbers.code == 0 ? "" : fmt::format(" code_{}", numbers.code);
  for (const Name& name : names(ipv6)) {
    if (name.type != numbers.type) continue;
    if (name.code == kAnyCode) type = std::string(name.text);
    if (name.code == numbers.code) code = fmt::format(" {}", name.text);
  }
  return type + code;
}

}  // namespace estab::lab
