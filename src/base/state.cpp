#include "estab/state.h"

#include <algorithm>
#include <array>
#include <string>

namespace estab {
namespace {

struct Spelling {
  State state;
  std::string_view rfc;
  std::string_view ss;
  std::string_view netstat;
  int linux_number;  // include/net/tcp_states.h
};

// clang-format off
constexpr std::array<Spelling, kStates> kSpellings{{
  {State::Closed,      "CLOSED",       "UNCONN",     "CLOSED",       7},
  {State::Listen,      "LISTEN",       "LISTEN",     "LISTEN",      10},
  {State::SynSent,     "SYN-SENT",     "SYN-SENT",   "SYN_SENT",     2},
  {State::SynReceived, "SYN-RECEIVED", "SYN-RECV",   "SYN_RECV",     3},
  {State::Established, "ESTABLISHED",  "ESTAB",      "ESTABLISHED",  1},
  {State::FinWait1,    "FIN-WAIT-1",   "FIN-WAIT-1", "FIN_WAIT1",    4},
  {State::FinWait2,    "FIN-WAIT-2",   "FIN-WAIT-2", "FIN_WAIT2",    5},
  {State::CloseWait,   "CLOSE-WAIT",   "CLOSE-WAIT", "CLOSE_WAIT",   8},
  {State::Closing,     "CLOSING",      "CLOSING",    "CLOSING",     11},
  {State::LastAck,     "LAST-ACK",     "LAST-ACK",   "LAST_ACK",     9},
  {State::TimeWait,    "TIME-WAIT",    "TIME-WAIT",  "TIME_WAIT",    6},
}};
// clang-format on

constexpr bool in_order_of_state() {
  for (int i = 0; i < kStates; ++i) {
    if (kSpellings[i].state != static_cast<State>(i)) return false;
  }
  return true;
}
static_assert(in_order_of_state());

constexpr int kLinuxRequest = 12;  // TCP_NEW_SYN_RECV: a SYN that is not yet a socket

// Words that are in use for a state without being its name in one of the three columns: ss's
// arguments, BSD's netstat, Linux's headers.
struct Alias {
  std::string_view plain;  // as plain() leaves it
  State state;
};
constexpr Alias kAliases[] = {
    {"close", State::Closed},           {"unconnected", State::Closed},
    {"listening", State::Listen},       {"synrcvd", State::SynReceived},
    {"newsynrecv", State::SynReceived},
};

// Lower case, letters and digits alone.
std::string plain(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (c >= 'A' && c <= 'Z') {
      out += static_cast<char>(c - 'A' + 'a');
    } else if (c != '-' && c != '_' && c != ' ') {
      out += c;
    }
  }
  return out;
}

template <class Predicate>
std::vector<State> states_where(Predicate&& wanted) {
  std::vector<State> out;
  for (const Spelling& s : kSpellings) {
    if (wanted(s.state)) out.push_back(s.state);
  }
  return out;
}

// ss(8), STATE-FILTER.
std::vector<State> group_named(std::string_view name) {
  const auto bucket = [](State s) { return s == State::TimeWait || s == State::SynReceived; };
  const auto connected = [](State s) { return s != State::Listen && s != State::Closed; };
  if (name == "all") return states_where([](State) { return true; });
  if (name == "bucket") return states_where(bucket);
  if (name == "big") return states_where([&](State s) { return !bucket(s); });
  if (name == "connected") return states_where(connected);
  if (name == "synchronized") {  // by ss's meaning: SYN-RECEIVED is among them
    return states_where([&](State s) { return connected(s) && s != State::SynSent; });
  }
  return {};
}

}  // namespace

std::string_view rfc_name(State s) { return kSpellings[static_cast<std::size_t>(s)].rfc; }
std::string_view ss_name(State s) { return kSpellings[static_cast<std::size_t>(s)].ss; }
std::string_view netstat_name(State s) { return kSpellings[static_cast<std::size_t>(s)].netstat; }
int linux_number(State s) { return kSpellings[static_cast<std::size_t>(s)].linux_number; }

std::optional<State> state_of_linux(int number) {
  if (number == kLinuxRequest) return State::SynReceived;
  for (const Spelling& s : kSpellings) {
    if (s.linux_number == number) return s.state;
  }
  return std::nullopt;
}

std::vector<State> states_named(std::string_view name) {
  const std::string wanted = plain(name);
  for (const Spelling& s : kSpellings) {
    if (wanted == plain(s.rfc) || wanted == plain(s.ss) || wanted == plain(s.netstat)) {
      return {s.state};
    }
  }
  for (const Alias& a : kAliases) {
    if (wanted == a.plain) return {a.state};
  }
  return group_named(wanted);
}

}  // namespace estab
