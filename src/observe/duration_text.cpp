#include "observe/duration_text.h"

#include <fmt/format.h>

#include <algorithm>

namespace estab::observe {

std::string ss_timer_text(Duration left) {
  std::int64_t ms = left / std::chrono::milliseconds(1);
  if (ms < 0) ms = 0;
  const std::int64_t minutes = ms / 60000;
  std::int64_t seconds = ms / 1000 % 60;
  ms %= 1000;
  std::string text;
  if (minutes > 0) {
    text = fmt::format("{}min", minutes);
    ms = 0;
    if (minutes > 9) seconds = 0;
  }
  if (seconds > 0) {
    if (seconds > 9) ms = 0;
    text += ms != 0 ? fmt::format("{}.", seconds) : fmt::format("{}sec", seconds);
  }
  if (ms != 0) text += fmt::format("{:03}ms", ms);
  return text;
}

std::string short_duration(Duration d) {
  const std::int64_t ms = std::max<std::int64_t>(d / std::chrono::milliseconds(1), 0);
  if (ms < 1000) return fmt::format("{}ms", ms);
  if (ms < 60'000) return fmt::format("{}.{}s", ms / 1000, ms % 1000 / 100);
  if (ms < 3'600'000) return fmt::format("{}min{}s", ms / 60'000, ms / 1000 % 60);
  return fmt::format("{}h{}min", ms / 3'600'000, ms / 60'000 % 60);
}

std::string plain_duration(Duration d) {
  const double us = static_cast<double>(d.count()) / 1e3;
  if (us < 1000) return fmt::format("{:.0f} us", us);
  if (us < 1e6) return fmt::format("{:.0f} ms", us / 1e3);
  if (us < 60e6) return fmt::format("{:.1f} s", us / 1e6);
  const auto seconds = static_cast<std::int64_t>(us / 1e6);
  if (seconds < 3600) return fmt::format("{} min {} s", seconds / 60, seconds % 60);
  return fmt::format("{} h {} min", seconds / 3600, seconds / 60 % 60);
}

}  // namespace estab::observe
