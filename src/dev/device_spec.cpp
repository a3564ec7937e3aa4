#include "dev/device_spec.h"

#include <fmt/format.h>

namespace estab::dev {

Opened open_device(std::string_view spec, const DeviceSettings& settings) {
  const std::size_t colon = spec.find(':');
  const std::string_view kind = spec.substr(0, colon);
  const std::string name(colon == std::string_view::npos ? "" : spec.substr(colon + 1));
  if (name.empty() || (kind != "tun" && kind != "tap" && kind != "packet")) {
    return tl::unexpected(fmt::format(
        "expected a device such as tun:NAME, tap:NAME or packet:INTERFACE, not '{}'", spec));
  }
  if (kind == "packet") return open_packet_socket(name, {.mac = settings.mac, .mtu = settings.mtu});
  TunOptions options;
  options.link = kind == "tun" ? LinkKind::kIp : LinkKind::kEthernet;
  options.mtu = settings.mtu;
  options.mac = settings.mac;
  return open_tun(name, options);
}

}  // namespace estab::dev
