// What a packet that left the stack has other than the script expected.
#pragma once
#include <string>
#include <vector>

#include "estab/time.h"
#include "lab/script/packet.h"

namespace estab::lab {

struct CompareRules {
  bool timestamp_echo = false;  // the TS option's ecr too
  // One tick of the TS option's value; 0: values are not compared.
  Duration timestamp_tick{};
  Duration timestamp_tolerance{};
};

// One line for each field that differs, in the order of the headers: "live packet field tcp_ack:
// expected: 1 (0x1) vs actual: 2 (0x2)". `actual` has the script's numbers (conversation.h).
std::vector<std::string> differences(const PacketSpec& expected, const Packet& actual, bool ipv6,
                                     const CompareRules& rules);

// Whether `next` goes on where `last` ended, so that both may fill one packet of a script: nothing
// when so, otherwise why not. `rest` is how many bytes the script's packet still lacks.
std::string breaks_run(const Packet& last, const Packet& next, std::size_t rest);
// Both as one packet: the last one's header, the first one's sequence number and CWR.
Packet joined(const Packet& first, const Packet& next);

}  // namespace estab::lab
