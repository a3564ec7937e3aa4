// A process's descriptors: how many it has, how many it may have.
#pragma once
#include <cstdint>
#include <optional>
#include <string_view>

namespace estab::observe {

struct DescriptorLimits {
  std::uint64_t soft = 0, hard = 0;  // all ones: unlimited
};

// /proc/PID/limits; nothing when it is gone or may not be read.
std::optional<DescriptorLimits> descriptor_limits(std::uint32_t pid);
std::optional<DescriptorLimits> parse_descriptor_limits(std::string_view text);
// By one stat() where the kernel tells (5.18 and later), else by counting. Nothing: another user's, or gone.
std::optional<std::uint64_t> descriptors_of(std::uint32_t pid);

}  // namespace estab::observe
