// A packet as it comes in: its bytes, and what the link knew about it.
#pragma once
#include "estab/address.h"
#include "estab/buffer.h"
#include "ip/martians.h"
#include "ip/received.h"

namespace estab::ip {

struct Arrival {
  Slice bytes;  // from the IP header on
  InterfaceId interface = InterfaceId::kLoopback;
  Origin origin = Origin::kOutside;
  bool link_group = false;  // in a frame to a broadcast or multicast station address
  MacAddress station;       // that sent the frame
  bool checksum_vouched = false;
  std::uint16_t segment_size = 0;  // ReceivedFrame::segment_size
  bool reassembled = false;
};

}  // namespace estab::ip
