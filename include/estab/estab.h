// Everything at once: stacks, sockets, devices, the pool. For C: posix.h.
#pragma once
#include "estab/devices.h"
#include "estab/pool.h"
#include "estab/socket.h"
#include "estab/stack.h"
