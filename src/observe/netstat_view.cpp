#include "observe/netstat_view.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netdb.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <unordered_map>

#include "observe/escape.h"
#include "observe/ss_view.h"

namespace estab::observe {
namespace {

constexpr std::size_t kAddressWidth = 23;
constexpr std::size_t kLongestAddress = 22;  // without the colon's blank, unless -W
constexpr std::size_t kLongestProgram = 19;

// Names that netstat shows, each looked up once.
class Lookups {
 public:
  const std::string& user(std::uint32_t uid) {
    auto [found, is_new] = users_.try_emplace(uid);
    if (!is_new) return found->second;
    passwd entry{};
    passwd* known = nullptr;
    char room[4096];
    if (::getpwuid_r(uid, &entry, room, sizeof room, &known) == 0 && known != nullptr) {
      found->second = known->pw_name;
    } else {
      found->second = std::to_string(uid);
    }
    return found->second;
  }

  // "4711/nginx": what the command line begins with, without its folder.
  const std::string& program(const Owner& owner) {
    auto [found, is_new] = programs_.try_emplace(owner.pid);
    if (!is_new) return found->second;
    std::string name = command_line(owner.pid);
    if (const std::size_t slash = name.rfind('/'); slash != name.npos) name.erase(0, slash + 1);
    if (name.empty()) name = owner.command;
    found->second = escaped(std::to_string(owner.pid) + "/" + name).substr(0, kLongestProgram);
    return found->second;
  }

  const std::string& service(std::uint16_t port) {
    auto [found, is_new] = services_.try_emplace(port);
    if (!is_new) return found->second;
    servent entry{};
    servent* known = nullptr;
    char room[1024];
    const bool named =
        ::getservbyport_r(htons(port), "tcp", &entry, room, sizeof room, &known) == 0;
    found->second = named && known != nullptr ? known->s_name : std::to_string(port);
    return found->second;
  }

  Names names;

 private:
  static std::string command_line(std::uint32_t pid) {
    const std::string path = "/proc/" + std::to_string(pid) + "/cmdline";
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return "";
    char room[512];
    const ssize_t n = ::read(fd, room, sizeof room);
    ::close(fd);
    const std::string text(room, n > 0 ? static_cast<std::size_t>(n) : 0);
    return text.substr(0, text.find('\0'));
  }

  std::unordered_map<std::uint32_t, std::string> users_, programs_;
  std::unordered_map<std::uint16_t, std::string> services_;
};

void append_host(std::string& to, const Connection& c, const IpAddress& address,
                 const NetstatFormat& format, Lookups& lookups) {
  if (!format.numeric_hosts) {
    if (address == IpAddress{} && c.v6) {
      to += "[::]";
    } else if (address.is_any()) {
      to += "0.0.0.0";
    } else {
      to += lookups.names.host(address, c.v6 && !address.is_v4());
    }
    return;
  }
  char room[INET6_ADDRSTRLEN];
  if (address.is_v4()) {  // mapped ones too
    const std::uint32_t v4 = address.v4_value();
    fmt::format_to(std::back_inserter(to), "{}.{}.{}.{}", v4 >> 24, v4 >> 16 & 255, v4 >> 8 & 255,
                   v4 & 255);
  } else {
    to += ::inet_ntop(AF_INET6, address.bytes().data(), room, sizeof room);
  }
}

void append_endpoint(std::string& to, const Connection& c, const Endpoint& end,
                     const NetstatFormat& format, Lookups& lookups) {
  const std::size_t begin = to.size();
  append_host(to, c, end.address, format, lookups);
  std::string port;
  if (end.port.value == 0) {
    port = "*";
  } else {
    port = format.numeric_ports ? std::to_string(end.port.value) : lookups.service(end.port.value);
  }
  const std::size_t host = to.size() - begin;
  if (!format.wide && host + port.size() > kLongestAddress) {
    port.resize(std::min(port.size(), kLongestAddress - 4));
    to.resize(begin + kLongestAddress - port.size());
  }
  (to += ':') += port;
  if (to.size() - begin < kAddressWidth) to.append(kAddressWidth - (to.size() - begin), ' ');
}

std::string_view state_word(State s) { return s == State::Closed ? "CLOSE" : netstat_name(s); }

void append_timer(std::string& to, const Connection& c) {
  static constexpr std::string_view kNames[] = {"off", "on", "keepalive", "timewait", "probe"};
  const bool probes =
      c.timer.kind == tcp::TimerKind::KeepAlive || c.timer.kind == tcp::TimerKind::Persist;
  const double left = static_cast<double>(c.timer.left / std::chrono::milliseconds(10)) / 100;
  fmt::format_to(std::back_inserter(to), " {} ({:.2f}/{}/{})",
                 kNames[static_cast<std::size_t>(c.timer.kind)], left, probes ? 0 : c.timer.retries,
                 probes ? c.timer.retries : 0);
}

void append_row(std::string& to, const Connection& c, const NetstatFormat& format,
                Lookups& lookups) {
  // A listener's bound is no queue here.
  const std::uint64_t send_queue = c.state == State::Listen ? 0 : c.send_queue;
  fmt::format_to(std::back_inserter(to), "{:<4}  {:>6} {:>6} ", c.v6 ? "tcp6" : "tcp",
                 c.receive_queue, send_queue);
  append_endpoint(to, c, c.local, format, lookups);
  to += ' ';
  append_endpoint(to, c, c.remote, format, lookups);
  fmt::format_to(std::back_inserter(to), " {:<11}", state_word(c.state));
  if (format.extended) {
    if (format.numeric_users) {
      fmt::format_to(std::back_inserter(to), " {:<10} {:<10}", c.uid, c.inode);
    } else {
      fmt::format_to(std::back_inserter(to), " {:<10} {:<10}", lookups.user(c.uid), c.inode);
    }
  }
  if (format.programs) {
    fmt::format_to(std::back_inserter(to), " {:<20}",
                   c.owners.empty() ? "-" : lookups.program(c.owners.back()));
  }
  if (format.timers) append_timer(to, c);
  to += '\n';
}

}  // namespace

bool netstat_shows(const Connection& c, const NetstatFormat& format) {
  if (format.all) return true;
  return format.listening == (c.remote.port.value == 0);
}

std::string netstat_table(const std::vector<Connection>& connections, const NetstatFormat& format) {
  Lookups lookups;
  std::string out = "Active Internet connections ";
  out += format.all         ? "(servers and established)"
         : format.listening ? "(only servers)"
                            : "(w/o servers)";
  out += "\nProto Recv-Q Send-Q Local Address           Foreign Address         State      ";
  if (format.extended) out += " User       Inode     ";
  if (format.programs) out += " PID/Program name    ";
  if (format.timers) out += " Timer";
  out += '\n';
  out.reserve(out.size() + connections.size() * 96);
  for (const Connection& c : connections) {
    if (netstat_shows(c, format)) append_row(out, c, format, lookups);
  }
  return out;
}

}  // namespace estab::observe
