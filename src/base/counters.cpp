#include "estab/counters.h"

namespace estab {
namespace {

struct Description {
  std::string_view name;
  std::string_view meaning;
};

constexpr std::array<Description, kCounters> kDescriptions{{
#define ESTAB_X(name, meaning) {#name, meaning},
    ESTAB_COUNTERS(ESTAB_X)
#undef ESTAB_X
}};

}  // namespace

std::string_view counter_name(Counter c) { return kDescriptions[static_cast<std::size_t>(c)].name; }

std::string_view counter_meaning(Counter c) {
  return kDescriptions[static_cast<std::size_t>(c)].meaning;
}

std::optional<Counter> counter_by_name(std::string_view name) {
  for (std::size_t i = 0; i < kCounters; ++i) {
    if (kDescriptions[i].name == name) return static_cast<Counter>(i);
  }
  return std::nullopt;
}

}  // namespace estab
