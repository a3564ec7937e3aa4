// One netlink request at a time: enough to configure a link.
#pragma once
#include <linux/netlink.h>

#include <cstdint>
#include <vector>

#include "dev/file_descriptor.h"
#include "estab/buffer.h"
#include "estab/error.h"

namespace estab::dev {

// A request under construction: header, the family's fixed part, attributes.
class NetlinkMessage {
 public:
  template <class Fixed>
  NetlinkMessage(std::uint16_t type, std::uint16_t flags, const Fixed& fixed) {
    nlmsghdr header{};
    header.nlmsg_type = type;
    header.nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
    append(&header, sizeof(header));
    append(&fixed, sizeof(fixed));
  }
  void attribute(std::uint16_t type, Bytes value);
  void attribute(std::uint16_t type, std::uint32_t value) {
    attribute(type, Bytes{reinterpret_cast<const std::uint8_t*>(&value), sizeof(value)});
  }
  Bytes finish();  // with its length filled in, for the time of the message

 private:
  void append(const void* from, std::size_t size);  // padded to 4
  std::vector<std::uint8_t> bytes_;
};

class Netlink {
 public:
  Netlink();
  // The first message of the answer, header included; the error is the kernel's. A message with
  // NLM_F_ACK is answered by its acknowledgement.
  Result<std::vector<std::uint8_t>> ask(NetlinkMessage message);

 private:
  FileDescriptor socket_;
};

}  // namespace estab::dev
