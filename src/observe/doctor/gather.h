// Looks twice at a system and makes a census of it.
#pragma once
#include <functional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "observe/control_client.h"
#include "observe/doctor/census.h"

namespace estab::observe::doctor {

// Who knows the time, and lets it pass. `wait` returns false when it was interrupted.
struct Clock {
  std::function<Instant()> now;
  std::function<bool(Duration)> wait;
};

struct Gathered {
  Census census;
  std::vector<std::string> not_seen;  // what and why, a line each
};
using Gathering = tl::expected<Gathered, std::string>;

// One system between its two looks: begin, samples at equal steps, end.
class Looker {
 public:
  virtual ~Looker() = default;
  virtual tl::expected<void, std::string> begin() = 0;
  virtual void sample() = 0;
  virtual Gathering end() = 0;
};
std::unique_ptr<Looker> look_at_linux();  // the caller's network namespace
std::unique_ptr<Looker> look_at_stack(StackAddress address);

// All of them over the same interval. A system that can't be looked at is an error in its place.
std::vector<Gathering> gather(std::vector<std::unique_ptr<Looker>> lookers, Duration interval,
                              const Clock& clock);

// Connections by their way out, of those whose local port was chosen from low to high.
std::map<Path, std::uint64_t> ports_in_use(const std::vector<Connection>& connections,
                                           std::int64_t low, std::int64_t high);

}  // namespace estab::observe::doctor
