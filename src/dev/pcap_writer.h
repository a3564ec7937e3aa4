// with_pcap(): a decorator that writes each frame, both ways, to a pcapng file. The file has one
// interface, whose packets say whether they came in or went out. (libpcap 1.10 refuses two raw
// ones.) Frames go to the kernel by one write(2) at
// the end of each receive() and send(), so a process killed at any moment leaves a file that is
// whole up to the call before. When the disk is full the capture ends there, with a whole block.
#pragma once
#include "estab/devices.h"
