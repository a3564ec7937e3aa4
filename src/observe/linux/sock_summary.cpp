#include "observe/linux/sock_summary.h"

#include <fmt/format.h>

#include <fstream>
#include <iterator>
#include <map>
#include <sstream>

namespace estab::observe {
namespace {

// "TCP:" "inuse" -> 5, of lines such as "TCP: inuse 5 orphan 0 tw 0 alloc 7 mem 1".
using Counts = std::map<std::string, long>;

void read_sockstat(const char* path, Counts& to) {
  std::ifstream file(path);
  std::string line;
  while (std::getline(file, line)) {
    std::istringstream words(line);
    std::string kind;
    std::string name;
    long value = 0;
    words >> kind;
    while (words >> name >> value) to[kind + name] = value;
  }
}

// /proc/net/snmp: a line of names, then a line of numbers.
long current_established() {
  std::ifstream file("/proc/net/snmp");
  std::string names;
  std::string values;
  while (std::getline(file, names) && std::getline(file, values)) {
    if (!names.starts_with("Tcp:")) continue;
    std::istringstream a(names);
    std::istringstream b(values);
    std::string name;
    std::string value;
    while (a >> name && b >> value) {
      if (name == "CurrEstab") return std::stol(value);
    }
  }
  return 0;
}

}  // namespace

std::string linux_ss_summary() {
  Counts counts;
  read_sockstat("/proc/net/sockstat", counts);
  read_sockstat("/proc/net/sockstat6", counts);
  const long tcp4 = counts["TCP:inuse"];
  const long tcp6 = counts["TCP6:inuse"];
  const long waiting = counts["TCP:tw"];
  const long all = counts["TCP:alloc"];
  std::string text = fmt::format("Total: {}\n", counts["sockets:used"]);
  text += fmt::format("TCP:   {} (estab {}, closed {}, orphaned {}, timewait {})\n\n",
                      all + waiting, current_established(), all - (tcp4 + tcp6 - waiting),
                      counts["TCP:orphan"], waiting);
  text += "Transport Total     IP        IPv6\n";
  const auto put = [&](const char* name, long v4, long v6) {
    text += fmt::format("{}\t  {:<9} {:<9} {:<9}\n", name, v4 + v6, v4, v6);
  };
  const long raw4 = counts["RAW:inuse"];
  const long raw6 = counts["RAW6:inuse"];
  const long udp4 = counts["UDP:inuse"];
  const long udp6 = counts["UDP6:inuse"];
  put("RAW", raw4, raw6);
  put("UDP", udp4, udp6);
  put("TCP", tcp4, tcp6);
  put("INET", raw4 + udp4 + tcp4, raw6 + udp6 + tcp6);
  put("FRAG", counts["FRAG:inuse"], counts["FRAG6:inuse"]);
  return text + "\n";
}

}  // namespace estab::observe
