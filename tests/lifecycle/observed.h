// What stacks and connections really did, from their lifecycle events alone: which arrows of
// Figure 5 were walked, which rules of practice fired. Every change of state that is seen has to
// stand in the list written from the RFC; anything else fails the test.
#pragma once
#include <set>
#include <span>
#include <string>
#include <vector>

#include "estab/event.h"

namespace estab::lifecycle {

class Observed {
 public:
  void see(std::span<const LifecycleEvent> events);

  int arrows() const { return static_cast<int>(arrows_.size()); }  // of 20
  // Of 23: L11 counts when L11r was seen too, L12 with L12b.
  int rules() const;
  std::string missing() const;  // what was not seen, for a failing test

 private:
  std::set<int> arrows_;
  std::set<Rule> rules_;
};

// The arrows in the order in which one stack or connection walked them.
std::vector<int> arrows_in(std::span<const LifecycleEvent> events);
// The last event of this rule, or of rule None when there was none.
LifecycleEvent last_of(Rule rule, std::span<const LifecycleEvent> events);

}  // namespace estab::lifecycle
