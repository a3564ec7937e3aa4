// Connections as netstat (net-tools 2.10) prints them.
#pragma once
#include <string>
#include <vector>

#include "observe/connection.h"

namespace estab::observe {

struct NetstatFormat {
  bool all = false;                                                          // -a
  bool listening = false;                                                    // -l
  bool numeric_hosts = false, numeric_ports = false, numeric_users = false;  // -n: all three
  bool extended = false;                                                     // -e: user and inode
  bool programs = false;                                                     // -p
  bool timers = false;                                                       // -o
  bool wide = false;  // -W: addresses are not cut
};

// Without -a and -l those with a peer, TIME-WAIT and half-open ones too; with -l those without.
bool netstat_shows(const Connection& c, const NetstatFormat& format);
// The two lines of headings and a line for each.
std::string netstat_table(const std::vector<Connection>& connections, const NetstatFormat& format);

}  // namespace estab::observe
