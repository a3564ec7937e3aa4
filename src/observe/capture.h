// Reads a capture: pcapng and pcap, of either byte order, Ethernet or raw IP. Nothing in the file
// is trusted; what isn't TCP is passed over.
#pragma once
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "estab/buffer.h"
#include "estab/time.h"
#include "wire/segment.h"

namespace estab::observe {

// What a ladder needs of a segment; its payload is only counted.
struct CapturedSegment {
  Instant at;        // since 1970
  FourTuple sender;  // local: who sent it, remote: to whom
  WireSeq seq;
  WireSeq ack;
  wire::Flags flags = 0;
  std::uint16_t window = 0;   // as in the header, unscaled
  std::uint32_t payload = 0;  // bytes

  bool has(wire::Flag f) const { return (flags & f) != 0; }
};

struct Capture {
  std::vector<CapturedSegment> segments;  // in the file's order
  std::size_t packets = 0;                // all, also those that are no TCP
  bool truncated = false;  // the file ends within a block, as that of a live stack may
};

// The error is one line. `bytes` is a whole file.
tl::expected<Capture, std::string> parse_capture(Bytes bytes);
tl::expected<Capture, std::string> read_capture(const std::string& path);  // "-": standard input

}  // namespace estab::observe
