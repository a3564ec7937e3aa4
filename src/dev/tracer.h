// with_trace(): a decorator that hands a line for each frame to a callback; describe_frame() makes
// that line and is for anyone who has a frame and wants words.
#pragma once
#include "estab/devices.h"

namespace estab::dev {

// "10.0.0.1:80 > 10.0.0.2:4711 S. 1:1(0) ack 5 win 65535 <mss 1460>"; numbers are as on the wire.
// Any bytes whatever: what cannot be parsed is named by the counter under which it would drop.
std::string describe_frame(LinkKind link, const Slice& frame);

}  // namespace estab::dev
