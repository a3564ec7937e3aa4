#include "observe/linux/counters.h"

#include <charconv>
#include <cstring>
#include <vector>

#include "observe/linux/proc_file.h"

namespace estab::observe {
namespace {

std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words;
  while (!line.empty()) {
    const std::size_t end = line.find_first_of(" \t");
    if (end != 0) words.push_back(line.substr(0, end));
    if (end == line.npos) break;
    line.remove_prefix(end + 1);
  }
  return words;
}

bool number(std::string_view word, std::int64_t& value) {
  const auto read = std::from_chars(word.data(), word.data() + word.size(), value);
  return read.ec == std::errc{} && read.ptr == word.data() + word.size();
}

std::string_view next_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  text = end == text.npos ? std::string_view{} : text.substr(end + 1);
  return line;
}

}  // namespace

void parse_paired_counters(std::string_view text, CounterMap& to) {
  while (!text.empty()) {
    const auto names = words_of(next_line(text));
    const auto values = words_of(next_line(text));
    if (names.empty() || values.empty() || names[0] != values[0] || !names[0].ends_with(':')) {
      continue;
    }
    const std::string group(names[0].substr(0, names[0].size() - 1));
    for (std::size_t i = 1; i < names.size() && i < values.size(); ++i) {
      std::int64_t value = 0;
      if (number(values[i], value)) to[group + std::string(names[i])] = value;
    }
  }
}

void parse_sockstat(std::string_view text, CounterMap& to) {
  while (!text.empty()) {
    const auto words = words_of(next_line(text));
    if (words.empty() || !words[0].ends_with(':')) continue;
    const std::string group(words[0].substr(0, words[0].size() - 1));
    for (std::size_t i = 1; i + 1 < words.size(); i += 2) {
      std::int64_t value = 0;
      if (number(words[i + 1], value)) to[group + "." + std::string(words[i])] = value;
    }
  }
}

tl::expected<CounterMap, std::string> linux_counters() {
  CounterMap all;
  for (const char* path : {"/proc/thread-self/net/netstat", "/proc/thread-self/net/snmp"}) {
    const auto text = read_proc_file(path);
    if (!text) {
      return tl::unexpected(std::string("cannot read ") + path + ": " +
                            std::strerror(text.error()));
    }
    parse_paired_counters(*text, all);
  }
  if (auto text = read_proc_file("/proc/thread-self/net/snmp6")) {
    for (std::string_view left = *text; !left.empty();) {  // "Ip6InReceives   12"
      const auto words = words_of(next_line(left));
      std::int64_t value = 0;
      if (words.size() == 2 && number(words[1], value)) all[std::string(words[0])] = value;
    }
  }
  return all;
}

CounterMap linux_sockstat() {
  CounterMap all;
  for (const char* path : {"/proc/thread-self/net/sockstat", "/proc/thread-self/net/sockstat6"}) {
    if (auto text = read_proc_file(path)) parse_sockstat(*text, all);
  }
  return all;
}

}  // namespace estab::observe
