// Connections as ss (iproute2 6.1) prints them: the same columns, words and numbers, so that a
// script that reads ss reads this. No trailing blanks, and always as narrow as ss is into a pipe.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "observe/connection.h"

namespace estab::observe {

struct SsFormat {
  bool netid = false;           // the column that ss shows when not asked for one protocol alone
  bool state = true;            // the column that ss omits when one state alone was asked for
  bool header = true;           // -H
  bool numeric = false;         // -n: ports and rates as numbers
  bool resolve = false;         // -r: hosts by name
  bool timers = false;          // -o, and with -e
  bool extended = false;        // -e
  bool memory = false;          // -m
  bool processes = false;       // -p
  bool threads = false;         // -T
  bool info = false;            // -i
  bool tos = false;             // --tos
  bool cgroup = false;          // --cgroup
  bool socket_options = false;  // --inet-sockopt
  bool one_line = false;        // -O
  bool ages = false;            // --age, beyond ss: age:~12.3s
};

// Names looked up for a view, each once: services, hosts, devices, control groups.
class Names {
 public:
  Names();
  ~Names();
  Names(const Names&) = delete;
  Names& operator=(const Names&) = delete;

  const std::string& service(std::uint16_t port);  // "http"; the number where there is no name
  const std::string& host(const IpAddress& address, bool v6);  // the address where it has none
  const std::string& device(std::uint32_t index);              // "eth0", "if7"
  const std::string& cgroup(std::uint64_t id);

 private:
  struct Kept;
  std::unique_ptr<Kept> kept_;
};

std::string ss_table(const std::vector<Connection>& connections, const SsFormat& format);

// One connection's pieces. Each appends, with a blank before it, or nothing when there is nothing
// to say. Tested one by one.
void append_ss_timer(std::string& to, const Connection& c);  //  timer:(keepalive,59sec,0)
void append_ss_users(std::string& to, const Connection& c, bool threads);  //  users:(("x",pid=1))
void append_ss_extended(std::string& to, const Connection& c, Names& names);  //  uid:1 ino:7 sk:1f
void append_ss_age(std::string& to, const Connection& c);                     //  age:~1min5sec
void append_ss_tos(std::string& to, const Detail& detail);             //  tos:0x10 class_id:0
void append_ss_socket_options(std::string& to, const Detail& detail);  // inet-sockopt: ( ...)
void append_ss_memory(std::string& to, const Detail& detail);          //  skmem:(r0,rb131072,...)
void append_ss_info(std::string& to, const Connection& c, const SsFormat& format);  //  cubic ...
// 10.0.0.1, [::1], "*" for the wildcard of both families. As ss prints it before the colon.
void append_ss_address(std::string& to, const Connection& c, const IpAddress& address);

}  // namespace estab::observe
