// How long a socket has been in its state, told from what one look at it shows: Linux keeps no such
// time. Where BPF recorded the transition the exact time stands already and is left alone.
#pragma once
#include <optional>

#include "observe/connection.h"

namespace estab::observe {

struct LinuxTimes {
  Duration fin_timeout = std::chrono::seconds(60);  // net.ipv4.tcp_fin_timeout
  int syn_linear_timeouts = 0;                      // net.ipv4.tcp_syn_linear_timeouts
};
LinuxTimes read_linux_times();

// Needs the detail's info for all but TIME-WAIT, SYN-SENT and FIN-WAIT-2 without an owner. Nothing:
// it can't be told (half-open ones, listeners).
std::optional<Age> estimated_age(const Connection& c, const LinuxTimes& times);

}  // namespace estab::observe
