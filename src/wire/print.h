// A segment in one line, in the taste of tcpdump and packetdrill, for tracers and for what a failed
// test says:
//
//   S. 0:0(0) ack 1 win 32768 <mss 1460,sackOK,TS val 1 ecr 2,nop,wscale 7>
#pragma once
#include <iosfwd>
#include <string>

#include "wire/segment.h"

namespace estab::wire {

// "S.", "F.", "P.", "R", ".": letters FSRP.UEW, '.' for ACK, as tcpdump and packetdrill have them;
// "-" when no flag is set.
std::string flags_text(Flags flags);
// The options as build_tcp_options() writes them, padding included; "" when there is none. SACK
// blocks are printed relative to `sack_base`.
std::string options_text(const TcpOptions& options, WireSeq sack_base = {});
// Numbers are printed relative to these two (the first of the sender's and of the other's space).
std::string segment_text(const Segment& segment, WireSeq seq_base = {}, WireSeq ack_base = {});

std::ostream& operator<<(std::ostream& out, const Segment& segment);
std::ostream& operator<<(std::ostream& out, const TcpOptions& options);

}  // namespace estab::wire
