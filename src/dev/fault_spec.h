// parse_faults(): the words of --faults.
#pragma once
#include "estab/devices.h"
