#include "dev/fault_spec.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>

namespace estab::dev {
namespace {

using Failure = tl::unexpected<std::string>;

struct Unit {
  std::string_view name;
  double factor;
};
constexpr std::array kTimes{Unit{"ns", 1}, Unit{"us", 1e3}, Unit{"ms", 1e6}, Unit{"s", 1e9}};
constexpr std::array kRates{Unit{"bit", 1}, Unit{"kbit", 1e3}, Unit{"mbit", 1e6},
                            Unit{"gbit", 1e9}};
constexpr std::array kShares{Unit{"%", 0.01}};

Failure wrong(std::string_view key, std::string_view expected, std::string_view value) {
  return Failure(fmt::format("faults: {} takes {}, not '{}'", key, expected, value));
}

// A number and one of `units`, in the units' base; none when it is anything else.
std::optional<double> quantity(std::string_view text, std::span<const Unit> units) {
  double number = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  if (error != std::errc{} || !std::isfinite(number) || number < 0) return std::nullopt;
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  for (const Unit& u : units) {
    if (unit == u.name) return number * u.factor;
  }
  return std::nullopt;
}

std::optional<std::uint64_t> whole(std::string_view text) {
  std::uint64_t number = 0;
  const char* last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, number);
  if (error != std::errc{} || end != last) return std::nullopt;
  return number;
}

std::optional<std::string> set_share(double& to, std::string_view key, std::string_view value) {
  const auto share = quantity(value, kShares);
  if (!share || *share > 1) return wrong(key, "a share of 0% to 100% such as 0.1%", value).value();
  to = *share;
  return std::nullopt;
}

std::optional<std::string> set_time(Duration& to, std::string_view key, std::string_view value) {
  constexpr double kLongest = 3600e9;
  const auto time = quantity(value, kTimes);
  if (!time || *time > kLongest) {
    return wrong(key, "a time of at most 3600s such as 20ms (ns, us, ms, s)", value).value();
  }
  to = Duration(std::llround(*time));
  return std::nullopt;
}

std::optional<std::string> set_rate(std::uint64_t& to, std::string_view value) {
  const auto rate = quantity(value, kRates);
  if (!rate || *rate < 1 || *rate > 1e15) {
    return wrong("rate", "a speed such as 10mbit (bit, kbit, mbit, gbit)", value).value();
  }
  to = static_cast<std::uint64_t>(*rate);
  return std::nullopt;
}

std::optional<std::string> set_queue(std::size_t& to, std::string_view value) {
  const auto frames = whole(value);
  if (!frames || *frames < 1 || *frames > 1'000'000) {
    return wrong("queue", "a number of frames from 1 to 1000000", value).value();
  }
  to = *frames;
  return std::nullopt;
}

// The reason why not, or none.
std::optional<std::string> set_item(LinkFaults& to, std::string_view key, std::string_view value) {
  if (key == "loss") return set_share(to.loss, key, value);
  if (key == "duplicate") return set_share(to.duplicate, key, value);
  if (key == "corrupt") return set_share(to.corrupt, key, value);
  if (key == "reorder") return set_share(to.reorder, key, value);
  if (key == "delay") return set_time(to.delay, key, value);
  if (key == "jitter") return set_time(to.jitter, key, value);
  if (key == "rate") return set_rate(to.rate, value);
  if (key == "queue") return set_queue(to.queue, value);
  return fmt::format(
      "faults: expected loss, delay, jitter, reorder, duplicate, corrupt, rate, queue or seed, "
      "not '{}'",
      key);
}

std::optional<std::string> read_item(FaultSpec& spec, std::string_view item) {
  bool in = true;
  bool out = true;
  if (item.starts_with("in:")) {
    out = false;
    item.remove_prefix(3);
  } else if (item.starts_with("out:")) {
    in = false;
    item.remove_prefix(4);
  }
  const std::size_t equals = item.find('=');
  if (equals == std::string_view::npos) {
    return fmt::format("faults: expected NAME=VALUE such as loss=2%, not '{}'", item);
  }
  const std::string_view key = item.substr(0, equals);
  const std::string_view value = item.substr(equals + 1);
  if (key == "seed") {
    const auto seed = whole(value);
    if (!seed) return wrong(key, "a whole number", value).value();
    if (!in || !out) return "faults: seed is for both directions, without in: or out:";
    spec.seed = *seed;
    return std::nullopt;
  }
  std::optional<std::string> problem;
  if (in) problem = set_item(spec.in, key, value);
  if (out && !problem) problem = set_item(spec.out, key, value);
  return problem;
}

// What means nothing, or could not mean what it says.
std::optional<std::string> check(const LinkFaults& faults) {
  if (faults.reorder > 0 && faults.delay == Duration::zero()) {
    return "faults: reorder needs a delay such as delay=20ms: frames overtake by skipping it";
  }
  if (faults.jitter > faults.delay) {
    return "faults: jitter is at most the delay: delay=20ms,jitter=5ms varies from 15ms to 25ms";
  }
  return std::nullopt;
}

}  // namespace

tl::expected<FaultSpec, std::string> parse_faults(std::string_view text) {
  FaultSpec spec;
  for (std::string_view rest = text; !rest.empty();) {
    const std::size_t comma = rest.find(',');
    if (auto problem = read_item(spec, rest.substr(0, comma))) return Failure(*problem);
    rest = comma == std::string_view::npos ? std::string_view{} : rest.substr(comma + 1);
  }
  for (const LinkFaults& faults : {spec.in, spec.out}) {
    if (auto problem = check(faults)) return Failure(*problem);
  }
  return spec;
}

}  // namespace estab::dev
