#include "attacks/attack.h"

#include <gtest/gtest-spi.h>

#include <cstdlib>
#include <memory>
#include <string>

namespace estab::attacks {
namespace {

bool standing = true;

// The attack without its defence.
void run_without(Defence defence, void (*attack)()) {
  struct Fallen {
    Fallen() { standing = false; }
    ~Fallen() { standing = true; }
  };
  const Fallen fallen;
  const WithoutDefence without(defence);
  attack();
}

// Runs it without the defence, and gives what failed.
std::unique_ptr<testing::TestPartResultArray> failures_without(Defence defence, void (*attack)()) {
  auto results = std::make_unique<testing::TestPartResultArray>();
  const testing::ScopedFakeTestPartResultReporter reporter(
      testing::ScopedFakeTestPartResultReporter::INTERCEPT_ONLY_CURRENT_THREAD, results.get());
  run_without(defence, attack);
  return results;
}

}  // namespace

bool defences_stand() { return standing; }

void mount(Defence defence, void (*attack)()) {
  const char* const off = std::getenv("ESTAB_WITHOUT");
  if (off != nullptr && off == std::string(defence_name(defence))) {
    return run_without(defence, attack);
  }
  attack();
  const auto results = failures_without(defence, attack);
  int failed = 0;
  for (int i = 0; i < results->size(); ++i) {
    const testing::TestPartResult& r = results->GetTestPartResult(i);
    if (!r.failed()) continue;
    if (++failed == 1) testing::Test::RecordProperty("without_the_defence", r.message());
  }
  EXPECT_GT(failed, 0) << "without " << defence_name(defence)
                       << " the attack does not succeed either: this proves nothing";
}

}  // namespace estab::attacks
