// The look that a connection gives at itself is public: estab/info.h.
#pragma once
#include "estab/info.h"
