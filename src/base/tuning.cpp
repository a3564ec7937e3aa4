#include "estab/tuning.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>

#include "base/text_distance.h"

namespace estab {
namespace {

constexpr Knob kKnobs[] = {
#define ESTAB_X(name, unit, value, low, high, why) \
  {#name, #unit, value, low, high, why, &Tuning::name},
    ESTAB_KNOBS(ESTAB_X)
#undef ESTAB_X
};

using Outcome = tl::expected<void, std::string>;

// Where Linux keeps knobs of these names; longer paths first.
constexpr std::string_view kLinuxPaths[] = {
    "net.ipv4.neigh.default.",
    "net.ipv6.neigh.default.",
    "net.ipv4.conf.default.",
    "net.ipv6.conf.default.",
    "net.ipv4.conf.all.",
    "net.ipv6.conf.all.",
    "net.ipv4.route.",
    "net.ipv6.route.",
    "net.ipv6.icmp.",
    "net.ipv4.",
    "net.ipv6.",
    "net.core.",
};

constexpr std::string_view kSpace = " \t\r\n";

std::string_view trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(kSpace);
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

// "/proc/sys/net/ipv4/tcp_sack" and "net.ipv4.tcp_sack" are tcp_sack.
std::string bare_name(std::string_view name) {
  std::string out(trimmed(name));
  std::replace(out.begin(), out.end(), '/', '.');
  if (out.starts_with(".proc.sys.")) out.erase(0, 10);
  for (const std::string_view path : kLinuxPaths) {
    if (out.starts_with(path)) return out.substr(path.size());
  }
  return out;
}

const Knob* find_knob(std::string_view bare) {
  for (const Knob& k : kKnobs) {
    if (k.name == bare) return &k;
  }
  return nullptr;
}

std::string expected_of(const Knob& k) {
  if (k.unit == "flag") return "0 or 1";
  if (k.unit == "algorithm") return "reno or cubic";
  if (k.unit == "choice" && k.smallest == 0 && k.largest == 2) return "0, 1 or 2";
  const auto range = fmt::format("from {} to {}", k.smallest, k.largest);
  if (k.unit == "count" || k.unit == "choice" || k.unit == "bits") return "a whole number " + range;
  if (k.unit == "port") return "a port " + range;
  if (k.unit == "per_second") return "a number a second " + range;
  return fmt::format("a whole number of {} {}", k.unit, range);
}

std::optional<std::int64_t> parse_whole(std::string_view text) {
  std::int64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (text.empty() || error != std::errc{} || stop != end) return std::nullopt;
  return value;
}

// Knobs of the unit `algorithm` take names, too.
constexpr std::string_view kAlgorithms[] = {"reno", "cubic"};

Outcome set_one(Tuning& tuning, const Knob& k, std::string_view text) {
  if (k.unit == "algorithm") {
    for (std::int64_t i = 0; i < std::ssize(kAlgorithms); ++i) {
      if (text != kAlgorithms[i]) continue;
      tuning.*k.value = i;
      return {};
    }
  }
  const auto value = parse_whole(text);
  if (!value || *value < k.smallest || *value > k.largest) {
    return tl::unexpected(fmt::format("{}: expected {}, got \"{}\"", k.name, expected_of(k), text));
  }
  tuning.*k.value = *value;
  return {};
}

// A line that Linux writes as several numbers. Those that estab has no knob for are skipped.
struct Vector {
  std::string_view name;
  std::string_view expected;
  std::array<std::string_view, 3> parts;  // knob of each number; "": none
  std::size_t size;
};
constexpr Vector kVectors[] = {
    {"ip_local_port_range",
     "two ports, the lower one first, as in \"32768 60999\"",
     {"ip_local_port_range_low", "ip_local_port_range_high", ""},
     2},
    {"tcp_rmem",
     "three rising numbers of bytes, min default max, as in \"4096 131072 6291456\"",
     {"", "tcp_rmem_default", "tcp_rmem_max"},
     3},
    {"tcp_wmem",
     "three rising numbers of bytes, min default max, as in \"4096 16384 4194304\"",
     {"", "tcp_wmem_default", "tcp_wmem_max"},
     3},
};

std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  for (text = trimmed(text); !text.empty(); text = trimmed(text)) {
    const auto end = std::min(text.find_first_of(kSpace), text.size());
    words.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
  return words;
}

Outcome set_vector(Tuning& tuning, const Vector& v, std::string_view text) {
  const auto words = words_of(text);
  Tuning changed = tuning;
  std::int64_t previous = 0;
  bool rising = words.size() == v.size;
  for (std::size_t i = 0; rising && i < v.size; ++i) {
    const auto value = parse_whole(words[i]);
    rising = value && *value >= previous;
    if (!rising || v.parts[i].empty()) continue;
    previous = *value;
    if (auto set = set_one(changed, *find_knob(v.parts[i]), words[i]); !set) return set;
  }
  if (!rising) {
    return tl::unexpected(fmt::format("{}: expected {}, got \"{}\"", v.name, v.expected, text));
  }
  tuning = changed;
  return {};
}

std::string unknown_knob(std::string_view bare) {
  std::string_view nearest;
  std::size_t least = 4;  // further than this is another word
  for (const Knob& k : kKnobs) {
    const std::size_t distance = text_distance(bare, k.name);
    if (distance < least) {
      least = distance;
      nearest = k.name;
    }
  }
  if (nearest.empty()) return fmt::format("no knob is called \"{}\"; see estab tuning", bare);
  return fmt::format("no knob is called \"{}\"; did you mean {}?", bare, nearest);
}

Outcome load_line(Tuning& tuning, std::string_view line) {
  line = trimmed(line.substr(0, line.find('#')));
  if (line.empty()) return {};
  const auto name_end = line.find_first_of(" \t=");
  if (name_end == line.npos) {
    return tl::unexpected(fmt::format("expected \"name = value\", got \"{}\"", line));
  }
  std::string_view value = trimmed(line.substr(name_end));
  if (value.starts_with('=')) value.remove_prefix(1);
  return set_knob(tuning, line.substr(0, name_end), value);
}

}  // namespace

std::span<const Knob> knobs() { return kKnobs; }

tl::expected<void, std::string> set_knob(Tuning& tuning, std::string_view name,
                                         std::string_view value) {
  const std::string bare = bare_name(name);
  if (const Knob* k = find_knob(bare)) return set_one(tuning, *k, trimmed(value));
  for (const Vector& v : kVectors) {
    if (v.name == bare) return set_vector(tuning, v, trimmed(value));
  }
  return tl::unexpected(unknown_knob(bare));
}

std::optional<std::int64_t> get_knob(const Tuning& tuning, std::string_view name) {
  const Knob* k = find_knob(bare_name(name));
  if (k == nullptr) return std::nullopt;
  return tuning.*k->value;
}

tl::expected<void, std::string> load_knobs(Tuning& tuning, std::string_view text) {
  Tuning changed = tuning;
  for (int number = 1; !text.empty(); ++number) {
    const auto end = std::min(text.find('\n'), text.size());
    if (auto loaded = load_line(changed, text.substr(0, end)); !loaded) {
      return tl::unexpected(fmt::format("line {}: {}", number, loaded.error()));
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  tuning = changed;
  return {};
}

}  // namespace estab
