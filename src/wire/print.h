// A segment in one line, in the taste of tcpdump and packetdrill, for tracers and for what a failed
// test says:
//
//   S. 0:0(0) ack 1 win 32768 <mss 1460,sackOK,TS val 1 ecr 2,nop,wscale 7>
#pragma once
#include <iosfwd>
#include <string>

#include "wire/segment.h"

namespace estab::wire {

// "S.", "F.", "P.", "R", ".": letters SFRPUEW and '.' for ACK, as packetdrill takes them; "-" when
// no flag is set.
std::string flags_text(Flags flags);
// The options as build_tcp() would write them, padding included; "" when there is none.
std::string options_text(const TcpOptions& options);
// Numbers are printed relative to these two (the first of the sender's and of the other's space).
std::string segment_text(const Segment& segment, WireSeq seq_base = {}, WireSeq ack_base = {});

std::ostream& operator<<(std::ostream& out, const Segment& segment);
std::ostream& operator<<(std::ostream& out, const TcpOptions& options);

}  // namespace estab::wire
