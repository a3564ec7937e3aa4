// The changes of state of RFC 9293, read off its Figure 5 and section 3.10 by hand, in the RFC's own
// words. A witness: it shares nothing with src/tcp/state_machine.h, and must never be made from it.
// A wrong row there would otherwise be wrong in the code, the diagram and the tests alike.
#pragma once
#include <array>
#include <string_view>

namespace estab::lifecycle {

struct Drawn {  // one arrow of Figure 5; numbered in reading order (docs/lifecycle.md)
  int arrow;
  std::string_view from;
  std::string_view above;  // the words above the bar: what causes it
  std::string_view below;  // the words below it: what is done; "" where the RFC writes x or nothing
  std::string_view to;
  std::string_view who;  // "passive": note 1; "" otherwise
};

// clang-format off
inline constexpr std::array kDrawn{
  Drawn{ 1, "CLOSED",       "passive OPEN",   "create TCB",           "LISTEN",       ""        },
  Drawn{ 2, "LISTEN",       "CLOSE",          "delete TCB",           "CLOSED",       ""        },
  Drawn{ 3, "CLOSED",       "active OPEN",    "create TCB, snd SYN",  "SYN-SENT",     ""        },
  Drawn{ 4, "SYN-SENT",     "CLOSE",          "delete TCB",           "CLOSED",       ""        },
  Drawn{ 5, "SYN-RECEIVED", "rcv RST",        "",                     "LISTEN",       "passive" },
  Drawn{ 6, "LISTEN",       "rcv SYN",        "snd SYN,ACK",          "SYN-RECEIVED", ""        },
  Drawn{ 7, "LISTEN",       "SEND",           "snd SYN",              "SYN-SENT",     ""        },
  Drawn{ 8, "SYN-SENT",     "rcv SYN",        "snd SYN,ACK",          "SYN-RECEIVED", ""        },
  Drawn{ 9, "SYN-RECEIVED", "rcv ACK of SYN", "",                     "ESTABLISHED",  ""        },
  Drawn{10, "SYN-SENT",     "rcv SYN,ACK",    "snd ACK",              "ESTABLISHED",  ""        },
  Drawn{11, "SYN-RECEIVED", "CLOSE",          "snd FIN",              "FIN-WAIT-1",   ""        },
  Drawn{12, "ESTABLISHED",  "CLOSE",          "snd FIN",              "FIN-WAIT-1",   ""        },
  Drawn{13, "ESTABLISHED",  "rcv FIN",        "snd ACK",              "CLOSE-WAIT",   ""        },
  Drawn{14, "FIN-WAIT-1",   "rcv ACK of FIN", "",                     "FIN-WAIT-2",   ""        },
  Drawn{15, "FIN-WAIT-1",   "rcv FIN",        "snd ACK",              "CLOSING",      ""        },
  Drawn{16, "FIN-WAIT-2",   "rcv FIN",        "snd ACK",              "TIME-WAIT",    ""        },
  Drawn{17, "CLOSING",      "rcv ACK of FIN", "",                     "TIME-WAIT",    ""        },
  Drawn{18, "CLOSE-WAIT",   "CLOSE",          "snd FIN",              "LAST-ACK",     ""        },
  Drawn{19, "LAST-ACK",     "rcv ACK of FIN", "",                     "CLOSED",       ""        },
  Drawn{20, "TIME-WAIT",    "2MSL timeout",   "delete TCB",           "CLOSED",       ""        },
};

struct Written {  // a change of state that section 3.10 writes and the figure does not draw
  std::string_view section;
  std::string_view from;
  std::string_view cause;
  std::string_view done;
  std::string_view to;
  std::string_view who;
};

inline constexpr std::array kWritten{
  // "If the OPEN call is active and the remote socket is specified, then change the connection from
  //  passive to active ... Send a SYN segment"
  Written{"3.10.1",          "LISTEN",       "active OPEN",  "snd SYN",             "SYN-SENT", ""},
  // ABORT: a RST where the peer has a connection to lose
  Written{"3.10.5",          "LISTEN",       "ABORT",        "delete TCB",          "CLOSED", ""},
  Written{"3.10.5",          "SYN-SENT",     "ABORT",        "delete TCB",          "CLOSED", ""},
  Written{"3.10.5",          "SYN-RECEIVED", "ABORT",        "snd RST, delete TCB", "CLOSED", ""},
  Written{"3.10.5",          "ESTABLISHED",  "ABORT",        "snd RST, delete TCB", "CLOSED", ""},
  Written{"3.10.5",          "FIN-WAIT-1",   "ABORT",        "snd RST, delete TCB", "CLOSED", ""},
  Written{"3.10.5",          "FIN-WAIT-2",   "ABORT",        "snd RST, delete TCB", "CLOSED", ""},
  Written{"3.10.5",          "CLOSE-WAIT",   "ABORT",        "snd RST, delete TCB", "CLOSED", ""},
  Written{"3.10.5",          "CLOSING",      "ABORT",        "delete TCB",          "CLOSED", ""},
  Written{"3.10.5",          "LAST-ACK",     "ABORT",        "delete TCB",          "CLOSED", ""},
  Written{"3.10.5",          "TIME-WAIT",    "ABORT",        "delete TCB",          "CLOSED", ""},
  // RST
  Written{"3.10.7.3 second", "SYN-SENT",     "rcv RST",      "delete TCB",          "CLOSED", ""},
  Written{"3.10.7.4 second", "SYN-RECEIVED", "rcv RST",      "delete TCB",          "CLOSED", "active"},
  Written{"3.10.7.4 second", "ESTABLISHED",  "rcv RST",      "delete TCB",          "CLOSED", ""},
  Written{"3.10.7.4 second", "FIN-WAIT-1",   "rcv RST",      "delete TCB",          "CLOSED", ""},
  Written{"3.10.7.4 second", "FIN-WAIT-2",   "rcv RST",      "delete TCB",          "CLOSED", ""},
  Written{"3.10.7.4 second", "CLOSE-WAIT",   "rcv RST",      "delete TCB",          "CLOSED", ""},
  Written{"3.10.7.4 second", "CLOSING",      "rcv RST",      "delete TCB",          "CLOSED", ""},
  Written{"3.10.7.4 second", "LAST-ACK",     "rcv RST",      "delete TCB",          "CLOSED", ""},
  Written{"3.10.7.4 second", "TIME-WAIT",    "rcv RST",      "delete TCB",          "CLOSED", ""},
  // "If the connection was initiated with a passive OPEN, then return this connection to the LISTEN
  //  state and return."
  Written{"3.10.7.4 fourth", "SYN-RECEIVED", "rcv SYN",      "",                    "LISTEN", "passive"},
  // USER TIMEOUT: "For any state if the user timeout expires ..."
  Written{"3.10.8",          "LISTEN",       "user timeout", "delete TCB",          "CLOSED", ""},
  Written{"3.10.8",          "SYN-SENT",     "user timeout", "delete TCB",          "CLOSED", ""},
  Written{"3.10.8",          "SYN-RECEIVED", "user timeout", "delete TCB",          "CLOSED", ""},
  Written{"3.10.8",          "ESTABLISHED",  "user timeout", "delete TCB",          "CLOSED", ""},
  Written{"3.10.8",          "FIN-WAIT-1",   "user timeout", "delete TCB",          "CLOSED", ""},
  Written{"3.10.8",          "FIN-WAIT-2",   "user timeout", "delete TCB",          "CLOSED", ""},
  Written{"3.10.8",          "CLOSE-WAIT",   "user timeout", "delete TCB",          "CLOSED", ""},
  Written{"3.10.8",          "CLOSING",      "user timeout", "delete TCB",          "CLOSED", ""},
  Written{"3.10.8",          "LAST-ACK",     "user timeout", "delete TCB",          "CLOSED", ""},
  Written{"3.10.8",          "TIME-WAIT",    "user timeout", "delete TCB",          "CLOSED", ""},
};

// Changes of state that a rule of practice makes, outside both lists: TIME-WAIT gives its 4-tuple to
// a new incarnation (RFC 9293 3.6.1 MAY-2, RFC 6191; docs/lifecycle.md L12, L13), or does not last
// when there are too many (L14).
inline constexpr std::array kPractised{
  Written{"L12",             "TIME-WAIT",    "rcv SYN",      "",                    "CLOSED", ""},
  Written{"L14",             "TIME-WAIT",    "2MSL timeout", "",                    "CLOSED", ""},
  Written{"L13",             "TIME-WAIT",    "active OPEN",  "",                    "CLOSED", ""},
};
// clang-format on

}  // namespace estab::lifecycle
