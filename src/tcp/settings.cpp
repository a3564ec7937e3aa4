#include "tcp/settings.h"

namespace estab::tcp {

Settings default_settings(const Tuning& tuning) {
  Settings s;
  s.receive_buffer = static_cast<std::size_t>(tuning.tcp_rmem_default);
  s.send_buffer = static_cast<std::size_t>(tuning.tcp_wmem_default);
  s.not_sent_low_water = static_cast<std::size_t>(tuning.tcp_notsent_lowat);
  s.congestion = static_cast<Algorithm>(tuning.tcp_congestion_control);
  return s;
}

std::optional<Algorithm> algorithm_named(std::string_view name) {
  for (const Algorithm a : {Algorithm::Reno, Algorithm::Cubic}) {
    if (name == name_of(a)) return a;
  }
  return std::nullopt;
}

}  // namespace estab::tcp
