// with_pcap(): a decorator that writes each frame, both ways, to a pcapng file. Interface 0 of the
// file has the frames received, interface 1 those sent. Frames go to the kernel by one write(2) at
// the end of each receive() and send(), so a process killed at any moment leaves a file that is
// whole up to the call before. When the disk is full the capture ends there, with a whole block.
#pragma once
#include "estab/devices.h"
