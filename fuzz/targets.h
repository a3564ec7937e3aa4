// What a fuzzer, and the test over the corpus, does with any bytes: parse them, and check what must
// hold of whatever came out. A broken promise aborts; so do the sanitizers.
#pragma once
#include "estab/buffer.h"

namespace estab::fuzz {

void frame(Bytes input);        // an Ethernet frame
void ip(Bytes input);           // an IP packet, and what it carries
void tcp_options(Bytes input);  // one byte, of which bit 0 means SYN, and options

}  // namespace estab::fuzz
