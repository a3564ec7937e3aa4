// Connections as ss (iproute2) prints them: the same columns, words and numbers, so that a script
// that reads ss reads this. No trailing blanks, and always as narrow as ss is into a pipe.
#pragma once
#include <string>
#include <vector>

#include "observe/connection.h"

namespace estab::observe {

struct SsFormat {
  bool netid = false;      // the column that ss shows when not asked for one protocol alone
  bool state = true;       // the column that ss omits for `state` with one state
  bool header = true;      // -H
  bool numeric = false;    // -n: ports and rates as numbers
  bool timers = false;     // -o
  bool extended = false;   // -e
  bool memory = false;     // -m
  bool processes = false;  // -p
  bool info = false;       // -i
  bool one_line = false;   // -O
};

std::string ss_table(const std::vector<Connection>& connections, const SsFormat& format);

// One connection's pieces, each "" when there is nothing to say. Tested one by one.
std::string ss_timer(const tcp::Info& info);               // timer:(keepalive,59sec,0)
std::string ss_users(const Connection& connection);        // users:(("estab",pid=1))
std::string ss_extended(const Connection& connection);     // uid:1000 ino:0 sk:1f <->
std::string ss_memory(const tcp::Info& info);              // skmem:(r0,rb131072,...)
std::string ss_info(const tcp::Info& info, bool numeric);  // ts sack reno wscale:7,7 ...
std::string ss_address(const IpAddress& address);          // *, 10.0.0.1, [::1]
std::string ss_port(Port port, bool numeric);              // http, 80, *

}  // namespace estab::observe
