// Which kinds of sockets ss's options name, and in which states: ss's own rules, of which estab
// shows the part that is TCP.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "observe/ss_filter.h"

namespace estab::cli {

// The options -t -u -4 -l ..., in the order of the command line.
class SsKinds {
 public:
  void add_option(const std::string& name);    // "t", "tcp", "4", "a"
  bool add_family(const std::string& family);  // of -f; false: no such family
  bool add_query(const std::string& tables);   // of -A; false: no such table

  bool asked_for_others() const { return others_named_; }
  bool shows_tcp() const;
  bool one_kind() const;                           // then ss has no Netid column
  std::uint8_t family() const { return family_; }  // 4, 6: the last of -4, -6, -f; 0: both
  // The states to show: the filter's, else those of -a, -l, else the connected ones.
  observe::StateMask states(const observe::SsFilter& filter) const;
  // Nothing but -s was asked for.
  bool nothing_named() const { return !named_; }
  bool v4_wanted() const;
  bool v6_wanted() const;

 private:
  bool add_table(const std::string& table);
  std::uint32_t tables() const;

  std::uint32_t tables_ = 0;
  std::uint32_t families_ = 0;
  std::uint8_t family_ = 0;
  observe::StateMask states_ = 0;
  bool named_ = false, others_named_ = false, query_seen_ = false;
};

}  // namespace estab::cli
