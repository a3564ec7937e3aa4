// A running stack's own look at a connection, turned into the model that all sources share.
#pragma once
#include "observe/connection.h"
#include "stack/control_protocol.h"

namespace estab::observe {

// With its detail, which costs nothing here.
Connection connection_of_stack(const tcp::Info& info, const stack::control::Identity& who);

}  // namespace estab::observe
