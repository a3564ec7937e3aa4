#include "observe/linux/process_limits.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>
#include <limits>
#include <string>

#include "observe/linux/proc_file.h"

namespace estab::observe {
namespace {

constexpr std::uint64_t kUnlimited = std::numeric_limits<std::uint64_t>::max();

bool take_limit(std::string_view& text, std::uint64_t& value) {
  const std::size_t begin = text.find_first_not_of(' ');
  if (begin == text.npos) return false;
  text.remove_prefix(begin);
  if (text.starts_with("unlimited")) {
    value = kUnlimited;
    text.remove_prefix(9);
    return true;
  }
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  if (read.ec != std::errc{}) return false;
  text.remove_prefix(static_cast<std::size_t>(read.ptr - text.data()));
  return true;
}

}  // namespace

std::optional<DescriptorLimits> parse_descriptor_limits(std::string_view text) {
  constexpr std::string_view kName = "Max open files";
  const std::size_t at = text.find(kName);
  if (at == text.npos) return std::nullopt;
  text.remove_prefix(at + kName.size());
  DescriptorLimits limits;
  if (!take_limit(text, limits.soft) || !take_limit(text, limits.hard)) return std::nullopt;
  return limits;
}

std::optional<DescriptorLimits> descriptor_limits(std::uint32_t pid) {
  const auto text = read_proc_file("/proc/" + std::to_string(pid) + "/limits");
  if (!text) return std::nullopt;
  return parse_descriptor_limits(*text);
}

std::optional<std::uint64_t> descriptors_of(std::uint32_t pid) {
  const std::string folder = "/proc/" + std::to_string(pid) + "/fd";
  struct stat status {};
  if (::access(folder.c_str(), R_OK) != 0 || ::stat(folder.c_str(), &status) != 0) {
    return std::nullopt;
  }
  if (status.st_size > 0) return static_cast<std::uint64_t>(status.st_size);
  DIR* entries = ::opendir(folder.c_str());
  if (entries == nullptr) return std::nullopt;
  std::uint64_t n = 0;
  while (const dirent* entry = ::readdir(entries)) n += entry->d_name[0] != '.' ? 1 : 0;
  ::closedir(entries);
  return n;
}

}  // namespace estab::observe
