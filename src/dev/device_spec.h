// open_device(): "tun:NAME", "tap:NAME" and "packet:INTERFACE", as --device takes them.
#pragma once
#include "estab/devices.h"
