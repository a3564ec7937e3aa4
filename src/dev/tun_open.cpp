// Opening a TUN or TAP, and saying in one line why it could not be.
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "dev/descriptor_owner.h"
#include "dev/interface.h"
#include "dev/tun.h"

namespace estab::dev {
namespace {

using Failure = tl::unexpected<std::string>;
using Devices = std::vector<std::unique_ptr<Device>>;
constexpr const char* kPath = "/dev/net/tun";

const char* mode_of(const TunOptions& options) {
  return options.link == LinkKind::kIp ? "tun" : "tap";
}

std::string no_clone_device(int error) {
  switch (error) {
    case ENOENT:
    case ENODEV:
    case ENXIO:
      return fmt::format(
          "no {0} here: as root `modprobe tun; mkdir -p /dev/net; mknod {0} c 10 200`, or use "
          "--device packet:VETH",
          kPath);
    case EACCES:
    case EPERM:
      return fmt::format(
          "may not open {0}: as root `chmod 666 {0}` (a container: --device {0}), or use --device "
          "packet:VETH",
          kPath);
    default:
      return fmt::format("cannot open {}: {}", kPath, std::strerror(error));
  }
}

std::string no_interface(const std::string& name, const TunOptions& options, std::size_t queues,
                         int error) {
  const char* mode = mode_of(options);
  const std::string driver = interface_driver(name);
  if (!driver.empty() && driver != "tun" && driver != "tap") {
    return fmt::format(
        "{0} is no TUN but a {1} interface: use --device packet:{0}, or another name", name,
        driver);
  }
  if (!driver.empty() && driver != mode) {
    return fmt::format("{0} exists as a {1}: use --device {1}:{0}, or another name", name, driver);
  }
  switch (error) {
    case EPERM:
      return fmt::format(
          "cannot attach to {0}: needs CAP_NET_ADMIN: run as root, or `sudo ip tuntap add dev {0} "
          "mode {1} user $USER` once, or inside `unshare -rn`, or use --device packet:VETH",
          name, mode);
    case EBUSY: {
      const std::string owner = tun_owner(name);
      return fmt::format("{} is in use{}: stop that first, or use another name", name,
                         owner.empty() ? " by another process" : " by " + owner);
    }
    case EINVAL:
      if (!driver.empty() && queues > 1) {
        return fmt::format(
            "{0} has a single queue: `ip tuntap del dev {0} mode {1}` and add it with multi_queue",
            name, mode);
      }
      break;
    case E2BIG:
      return fmt::format("{} has no queue left: ask for fewer than {}", name, queues);
    default:
      break;
  }
  return fmt::format("cannot attach to {}: {}", name, std::strerror(error));
}

// Attaches one more queue; `name` becomes what the kernel made of a pattern such as "tun%d".
// Returns 0 or an errno.
int attach(const FileDescriptor& queue, std::string& name, const TunOptions& options, bool multi) {
  ifreq request{};
  std::memcpy(request.ifr_name, name.data(), name.size());
  const int mode = options.link == LinkKind::kIp ? IFF_TUN : IFF_TAP;
  request.ifr_flags =
      static_cast<short>(mode | IFF_NO_PI | IFF_VNET_HDR | (multi ? IFF_MULTI_QUEUE : 0));
  if (::ioctl(queue.get(), TUNSETIFF, &request) < 0) return errno;
  name = request.ifr_name;
  return 0;
}

// Whether frames may be large and their checksums left from now on. An interface keeps what the
// last one asked for.
bool set_offloads(const FileDescriptor& queue, bool wanted) {
  constexpr unsigned long kAll = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
  return ::ioctl(queue.get(), TUNSETOFFLOAD, wanted ? kAll : 0UL) == 0 && wanted;
}

}  // namespace

tl::expected<Devices, std::string> open_tun_queues(const std::string& wanted, std::size_t queues,
                                                   const TunOptions& options) {
  if (!is_interface_name(wanted)) {
    return Failure(
        fmt::format("'{}' is no interface name: 1 to 15 characters, no '/', ':' or space", wanted));
  }
  std::string name = wanted;
  const MacAddress mac = options.mac ? *options.mac : random_mac();
  std::vector<FileDescriptor> attached;
  bool multi = queues > 1;
  while (attached.size() < std::max<std::size_t>(queues, 1)) {
    FileDescriptor queue(::open(kPath, O_RDWR | O_NONBLOCK | O_CLOEXEC));
    if (!queue) return Failure(no_clone_device(errno));
    int error = attach(queue, name, options, multi);
    if (error == EINVAL && !multi) {  // a persistent one may have been made with multi_queue
      error = attach(queue, name, options, true);
    }
    if (error != 0) return Failure(no_interface(name, options, queues, error));
    attached.push_back(std::move(queue));
  }
  const auto before = interface_state(name);
  if (options.mtu && before && before->mtu != *options.mtu && !set_mtu(name, *options.mtu)) {
    return Failure(mtu_failure(name, *options.mtu, errno));
  }
  // Linux's default of 500 drops at its tail as soon as a few flows open their windows.
  set_transmit_queue(name, options.transmit_queue);
  const auto state = interface_state(name);
  if (!state) return Failure(fmt::format("{} went away while it was being opened", name));
  Devices devices;
  for (FileDescriptor& queue : attached) {
    const bool offloads = set_offloads(queue, options.offloads);
    devices.push_back(std::make_unique<TunDevice>(
        std::move(queue), name, options.link, state->mtu,
        options.link == LinkKind::kEthernet ? mac : MacAddress{}, offloads));
  }
  return devices;
}

Opened open_tun(const std::string& name, const TunOptions& options) {
  auto devices = open_tun_queues(name, 1, options);
  if (!devices) return Failure(devices.error());
  return std::move(devices->front());
}

}  // namespace estab::dev
