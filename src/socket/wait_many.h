// Waiting for the sockets of one stack or of several.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "socket/engine.h"

namespace estab::socket {

using Engines = std::vector<std::shared_ptr<Engine>>;  // each once

void add_engine(Engines& engines, const std::shared_ptr<Engine>& engine);
// A wait for nothing takes its time from this thread's stack, if there is one.
void wait_somewhere(Engines& engines);
// How a thread waits for these: with an eventfd unless it is one.
int waiter_descriptor(const Engines& engines);
// Until the waiter is woken or the deadline has come. Drives those that nobody drives.
void wait_many(const Engines& engines, Waiter& waiter, Deadline deadline);
// What deadlines mean to those who wait for these.
Instant clock_of(const Engines& engines);
// poll(2)'s and epoll's timeout; negative: none.
Deadline deadline_of(const Engines& engines, int timeout_ms);
// POLLIN and the rest, which are EPOLLIN and the rest too.
std::uint32_t poll_bits(Readiness readiness);

}  // namespace estab::socket
