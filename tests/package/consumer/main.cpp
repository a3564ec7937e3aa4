// What a stranger's first program does with the installed library: values, names and knobs.
#include <estab/address.h>
#include <estab/state.h>
#include <estab/time.h>
#include <estab/tuning.h>
#include <cstdio>

int main() {
  using namespace std::chrono_literals;
  const auto endpoint = estab::Endpoint::parse("10.0.0.1:80");
  if (!endpoint || endpoint->to_string() != "10.0.0.1:80") return 1;
  estab::Tuning tuning;
  if (!estab::set_knob(tuning, "time_wait", "30") || tuning.time_wait != 30) return 2;
  if (estab::Instant{} + 2s < estab::Instant{}) return 3;
  std::printf("%s %zu knobs\n", estab::rfc_name(estab::State::TimeWait).data(),
              estab::knobs().size());
  return 0;
}
