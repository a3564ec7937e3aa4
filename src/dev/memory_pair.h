// Two devices back to back in memory: memory_pair() for one thread and virtual time,
// memory_pair_threaded() for one thread at each end. Frames are copied once, when sent.
#pragma once
#include "estab/devices.h"
