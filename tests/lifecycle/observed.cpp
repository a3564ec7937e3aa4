#include "lifecycle/observed.h"

#include <gtest/gtest.h>

#include <cctype>

#include "lifecycle/edges_from_the_rfc.h"

namespace estab::lifecycle {
namespace {

int number_of(Rule rule) {  // L12b: 12
  int number = 0;
  for (const char c : rule_name(rule)) {
    if (std::isdigit(static_cast<unsigned char>(c)) != 0) number = number * 10 + (c - '0');
  }
  return number;
}

std::string text_of(const LifecycleEvent& e) {
  return std::string(rfc_name(e.from)) + " - " + std::string(event_name(e.event)) + " -> " +
         std::string(rfc_name(e.to)) + " arrow " + std::to_string(e.arrow) + " " +
         std::string(rule_name(e.rule));
}

bool in(const auto& list, const LifecycleEvent& e) {
  for (const auto& w : list) {
    if (w.from == rfc_name(e.from) && w.cause == event_name(e.event) && w.to == rfc_name(e.to)) {
      return true;
    }
  }
  return false;
}

bool known(const LifecycleEvent& e) {
  if (e.arrow == 0) return in(kWritten, e) || (e.rule != Rule::None && in(kPractised, e));
  if (e.arrow > static_cast<int>(kDrawn.size())) return false;
  const Drawn& d = kDrawn[static_cast<std::size_t>(e.arrow) - 1];
  return d.from == rfc_name(e.from) && d.above == event_name(e.event) && d.to == rfc_name(e.to);
}

}  // namespace

void Observed::see(std::span<const LifecycleEvent> events) {
  Instant before{};
  for (const LifecycleEvent& e : events) {
    if (e.from == e.to) {
      EXPECT_NE(e.rule, Rule::None) << "an event of nothing: " << text_of(e);
    } else {
      EXPECT_TRUE(known(e)) << "the RFC has no such move: " << text_of(e);
    }
    EXPECT_LE(before, e.at);
    EXPECT_GE(e.in_state, Duration{0}) << text_of(e);
    before = e.at;
    if (e.arrow != 0) arrows_.insert(e.arrow);
    if (e.rule != Rule::None) rules_.insert(e.rule);
  }
}

int Observed::rules() const {
  std::set<int> kept;
  for (int r = 1; r <= static_cast<int>(Rule::L23_NoConnection); ++r) {
    kept.insert(number_of(static_cast<Rule>(r)));
  }
  for (int r = 1; r <= static_cast<int>(Rule::L23_NoConnection); ++r) {
    if (!rules_.contains(static_cast<Rule>(r))) kept.erase(number_of(static_cast<Rule>(r)));
  }
  return static_cast<int>(kept.size());
}

std::string Observed::missing() const {
  std::string text;
  for (const Drawn& d : kDrawn) {
    if (!arrows_.contains(d.arrow)) text += " arrow " + std::to_string(d.arrow);
  }
  for (int r = 1; r <= static_cast<int>(Rule::L23_NoConnection); ++r) {
    const auto rule = static_cast<Rule>(r);
    if (!rules_.contains(rule)) text += " " + std::string(rule_name(rule));
  }
  return text;
}

std::vector<int> arrows_in(std::span<const LifecycleEvent> events) {
  std::vector<int> arrows;
  for (const LifecycleEvent& e : events) {
    if (e.arrow != 0) arrows.push_back(e.arrow);
  }
  return arrows;
}

LifecycleEvent last_of(Rule rule, std::span<const LifecycleEvent> events) {
  LifecycleEvent found;
  for (const LifecycleEvent& e : events) {
    if (e.rule == rule) found = e;
  }
  return found;
}

}  // namespace estab::lifecycle
