// Parsing and building: bytes <-> values. No state, no allocation but the builder's buffer.
// Every parser is safe on any bytes whatever: it never reads past them, never trusts a length in
// them, and ends in a number of steps that their size bounds. One header a format:
#pragma once
#include "wire/arp.h"       // IWYU pragma: export
#include "wire/checksum.h"  // IWYU pragma: export
#include "wire/ethernet.h"  // IWYU pragma: export
#include "wire/headers.h"   // IWYU pragma: export
#include "wire/icmp.h"      // IWYU pragma: export
#include "wire/ip.h"        // IWYU pragma: export
#include "wire/ndp.h"       // IWYU pragma: export
#include "wire/pcapng.h"    // IWYU pragma: export
#include "wire/segment.h"   // IWYU pragma: export
#include "wire/tcp.h"       // IWYU pragma: export
