// One connection as seen from outside, whoever showed it: what every view reads.
#pragma once
#include <cstdint>
#include <string>

#include "tcp/info.h"

namespace estab::observe {

// Who holds the connection; pid 0: nobody, or not known.
struct Owner {
  std::uint32_t pid = 0;
  std::string command;
  std::string stack;  // the name of the estab stack it lives in
};

struct Connection {
  tcp::Info info;
  Owner owner;
  std::uint32_t uid = 0;
};

// Gone from the application's hands: TIME-WAIT, half-open records and orphans have no owner.
inline bool has_owner(const Connection& c) {
  return c.owner.pid != 0 && !c.info.orphan && c.info.state != State::TimeWait &&
         c.info.state != State::SynReceived;
}

}  // namespace estab::observe
