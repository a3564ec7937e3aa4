// The only place that reads a clock: dev::now() and dev::wall_clock_offset().
#pragma once
#include "estab/devices.h"
