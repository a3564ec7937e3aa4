// What the protocol core may use for the length of one call, handed in by its driver: the time, the
// knobs, the counters, randomness for jitter, and the lists that it appends its outputs to. The
// core keeps none of it, so a connection stays a value that can be copied, hashed and replayed.
#pragma once
#include <vector>

#include "base/random.h"
#include "base/token_bucket.h"
#include "estab/counters.h"
#include "estab/event.h"
#include "estab/time.h"
#include "estab/tuning.h"
#include "wire/segment.h"

namespace estab::tcp {

struct Context {
  Instant now;
  const Tuning& tuning;
  Counters& counters;
  Random& random;
  TokenBucket& challenge_acks;           // the whole stack's limit, RFC 5961 7
  std::vector<wire::Segment>& segments;  // to be sent, in this order
  std::vector<LifecycleEvent>& events;   // what happened
};

}  // namespace estab::tcp
