// The system's randomness, for keys and seeds. What it returns may be kept secret.
#pragma once
#include "base/siphash.h"
#include "estab/buffer.h"
#include "estab/devices.h"

namespace estab::dev {

// Fills `to` from getrandom(2). Ends the process when the kernel has none to give: a stack with
// guessable keys must not run.
void fill_entropy(MutableBytes to);
SipKey entropy_key();

}  // namespace estab::dev
