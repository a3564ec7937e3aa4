// What a stack answers to one request of a tool. Each answer is bounded (control_protocol.h's
// slices), so that looking never stalls the stack.
#pragma once
#include "stack/control_protocol.h"
#include "stack/stack.h"

namespace estab::stack::control {

// `identity` is the caller's; its `now` is filled in. Only SetTuning and End change the stack.
Reply answer(const Request& request, const Identity& identity, Stack& stack, Instant now);

}  // namespace estab::stack::control
