#include <arpa/inet.h>
#include <net/if.h>
#include <netdb.h>
#include <sys/socket.h>

#include <cstdio>
#include <cstring>
#include <map>
#include <unordered_map>

#include "observe/linux/cgroups.h"
#include "observe/ss_view.h"

namespace estab::observe {

struct Names::Kept {
  unsigned first_ephemeral = 1024, last_ephemeral = 4999;
  std::vector<std::string> services = std::vector<std::string>(65536);
  std::map<std::pair<bool, IpAddress>, std::string> hosts;
  std::unordered_map<std::uint32_t, std::string> devices;
  CgroupPaths cgroups;
};

Names::Names() : kept_(std::make_unique<Kept>()) {
  if (std::FILE* file = std::fopen("/proc/sys/net/ipv4/ip_local_port_range", "re")) {
    unsigned first = 0;
    unsigned last = 0;
    if (std::fscanf(file, "%u %u", &first, &last) == 2) {
      kept_->first_ephemeral = first;
      kept_->last_ephemeral = last;
    }
    std::fclose(file);
  }
}
Names::~Names() = default;

// As ss: a port that the system gives by itself has no service's name.
const std::string& Names::service(std::uint16_t port) {
  std::string& name = kept_->services[port];
  if (!name.empty()) return name;
  name = std::to_string(port);
  if (port >= kept_->first_ephemeral && port <= kept_->last_ephemeral) return name;
  servent found{};
  servent* service = nullptr;
  char room[1024];
  if (::getservbyport_r(htons(port), "tcp", &found, room, sizeof room, &service) == 0 &&
      service != nullptr) {
    name = service->s_name;
  }
  return name;
}

const std::string& Names::host(const IpAddress& address, bool v6) {
  auto [found, is_new] = kept_->hosts.try_emplace({v6, address});
  if (!is_new) return found->second;
  char room[1025] = "";
  const auto look_up = [&](const auto& at) {
    ::getnameinfo(reinterpret_cast<const sockaddr*>(&at), sizeof at, room, sizeof room, nullptr, 0,
                  NI_NAMEREQD);
  };
  sockaddr_in at4{};
  at4.sin_family = AF_INET;
  at4.sin_addr.s_addr = htonl(address.v4_value());
  sockaddr_in6 at6{};
  at6.sin6_family = AF_INET6;
  std::memcpy(&at6.sin6_addr, address.bytes().data(), 16);
  address.is_v4() ? look_up(at4) : look_up(at6);  // a mapped one has IPv4's name
  if (room[0] == 0 && v6) ::inet_ntop(AF_INET6, &at6.sin6_addr, room, sizeof room);
  if (room[0] == 0) ::inet_ntop(AF_INET, &at4.sin_addr, room, sizeof room);
  found->second = room;
  return found->second;
}

const std::string& Names::device(std::uint32_t index) {
  auto [found, is_new] = kept_->devices.try_emplace(index);
  if (is_new) {
    char name[IF_NAMESIZE] = "";
    found->second = ::if_indextoname(index, name) != nullptr ? name : "if" + std::to_string(index);
  }
  return found->second;
}

const std::string& Names::cgroup(std::uint64_t id) { return kept_->cgroups.path(id); }

}  // namespace estab::observe
