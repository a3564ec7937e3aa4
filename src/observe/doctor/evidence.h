// What the rules ask of a census, and how they say it.
#pragma once
#include <initializer_list>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "observe/doctor/census.h"
#include "observe/doctor/finding.h"

namespace estab::observe::doctor {

using Rows = std::vector<const Connection*>;

// The second look, with the first one at hand.
class Evidence {
 public:
  explicit Evidence(const Census& census);
  const Census& census() const { return census_; }

  Rows in(std::initializer_list<State> states) const;  // of the second look
  // The same connection at the first look, or null.
  const Connection* earlier(const Connection& c) const;
  bool stayed(const Connection& c) const;  // in this state at both looks
  // In this state for at least so long: what is known, or what the two looks prove.
  Duration age(const Connection& c) const;
  // How long the peer's window has been closed, about: the probes' pauses double.
  Duration window_closed_for(const Connection& c) const;
  // Not a byte was acknowledged, nor arrived, between the looks.
  bool nothing_acknowledged(const Connection& c) const;
  bool nothing_received(const Connection& c) const;
  // Who holds it; of what nobody has accepted yet, who listens there.
  std::vector<Owner> owners(const Connection& c) const;
  const Connection* listener(Port port) const;
  Rows vanished() const;  // of the first look's, those that are gone

  std::int64_t counted(std::string_view name) const;  // between the looks; 0: unknown too
  std::optional<std::int64_t> knob(std::string_view name) const;
  const Process* process(std::uint32_t pid) const;
  bool linux_system() const { return census_.source == Source::Linux; }
  // Enough to speak of, among so many.
  bool enough(std::size_t n, std::size_t among) const;

  // Fills in processes, peers and code.
  void name_holders(const Rows& rows, Finding& finding) const;

 private:
  const Census& census_;
  std::unordered_map<std::uint64_t, const Connection*> before_;
  std::unordered_map<std::uint16_t, const Connection*> listeners_;
};

// By the process that holds them (pid 0: nobody known).
std::map<std::uint32_t, Rows> by_process(const Evidence& evidence, const Rows& rows);
std::size_t prefixes(const Rows& rows);  // /24 and /48 networks of the peers
Duration oldest(const Evidence& evidence, const Rows& rows);

std::string count(std::size_t n, std::string_view one, std::string_view many = {});
std::string share(std::uint64_t part, std::uint64_t whole);  // "94 of 1024 (9 %)"
std::string who(const Finding& finding);                     // "nginx (pid 12)"
std::string at_rate(std::int64_t n, Duration between);       // "39 in 2.0 s (19.5 a second)"

// --- remedies -----------------------------------------------------------------------------------
Remedy words(std::string text);
// `filter` is ss's.
Remedy show(const Census& census, std::string text, const std::string& filter);
Remedy set(const Census& census, std::string text, const std::string& knob,
           const std::string& value);
// The same for good: over a restart.
Remedy keep(const Census& census, std::string text, const std::string& knob,
            const std::string& value);
// Of those that match ss's filter and have been in their state for so long.
Remedy end_connections(const Census& census, std::string text, const std::string& states,
                       const std::string& expression);
// On a stack that records no calls, for a finding about code that holds connections: nothing else.
std::optional<Remedy> record_calls(const Census& census);
Remedy end_process(std::string text, std::uint32_t pid);
Remedy raise_limit(std::string text, std::uint32_t pid, std::uint64_t limit);

}  // namespace estab::observe::doctor
