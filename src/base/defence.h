// The decisions that keep attacks out, each with a name (docs/security.md has the attack, the limit,
// the counter and the test of each). The code asks at the place where it decides:
//
//   if (seq != rcv_nxt && defended(Defence::ExactReset)) return challenge();
//
// In a product that is the constant true. A build with ESTAB_SWITCHABLE_DEFENCES, which the debug
// presets have, lets a test take a defence away, mount the attack, and see that it succeeds: a test
// that passes without the defence would prove nothing.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace estab {

// clang-format off
#define ESTAB_DEFENCES(X) \
  X(SynQueueBound)         /* a listener keeps so many half-open connections and no more */ \
  X(SynCookies)            /* past that bound the answer is a cookie */ \
  X(CookieSecret)          /* the cookie is a keyed hash */ \
  X(CookieWhenAsked)       /* a cookie counts only where some were given out lately */ \
  X(CookieOptions)         /* window scale, SACK and ECN survive in the timestamp */ \
  X(SynAckRate)            /* unanswered SYN,ACKs have a rate for each prefix */ \
  X(ResetRate)             /* RSTs to strangers have a rate, for each prefix and in all */ \
  X(OwnAddressOutside)     /* our own address is no source from outside */ \
  X(ExactReset)            /* a RST counts at RCV.NXT alone */ \
  X(SynChallenge)          /* a SYN to a synchronized connection changes nothing */ \
  X(AckRange)              /* the ACK has to lie within RFC 5961's range */ \
  X(AckFloor)              /* and not below what was ever sent */ \
  X(ChallengeLimit)        /* challenge ACKs: each connection its own limit, all a random one */ \
  X(IcmpLimit)             /* ICMP answers: each prefix its own limit, all a random one */ \
  X(PortSecret)            /* source ports by keyed hashes */ \
  X(PacketIds)             /* IP identifications of one destination say nothing of another's */ \
  X(IsnSecret)             /* ISNs by a keyed hash of the 4-tuple */ \
  X(TimestampOffset)       /* each peer sees a timestamp clock of its own */ \
  X(TimeWaitIgnoresReset)  /* RFC 1337 */ \
  X(ReopenForListener)     /* a SYN reopens TIME-WAIT where a listener stands */ \
  X(TentativeReopen)       /* and the record is kept until the third segment */ \
  X(TimeWaitBound)         /* tcp_max_tw_buckets */ \
  X(OrphanBound)           /* orphan_lifetime */ \
  X(PersistBound)          /* an orphan probes a closed window so often and no more */ \
  X(MemoryPressure)        /* past tcp_mem the connections that do not move give memory back */ \
  X(MssFloor)              /* tcp_min_snd_mss */ \
  X(ScoreboardBound)       /* so many SACKed pieces are remembered */ \
  X(ReorderingBound)       /* so many pieces beyond a gap are kept */ \
  X(CompactPieces)         /* a piece does not hold a packet buffer many times its size */ \
  X(FragmentMemory)        /* fragments: memory in all and for each source */ \
  X(FragmentOverlap)       /* fragments that overlap are dropped, all of them */ \
  X(LengthsAgree)          /* a length in a header is held against what there is */ \
  X(OptionLengths)         /* a TCP option has a length that it can have */ \
  X(UrgentBounds)          /* an urgent pointer points into what is still to be read */ \
  X(ByteCounting)          /* the congestion window grows by bytes, not by ACKs */ \
  X(DuplicateBound)        /* no more duplicate ACKs count than segments were in flight */ \
  X(AckOfUnsent)           /* what was never sent cannot be acknowledged */ \
  X(AnswerRate)            /* unacceptable segments are answered at a rate */ \
  X(IcmpInFlight)          /* an ICMP error has to quote what is in flight */ \
  X(IcmpSoft)              /* and aborts nothing that is synchronized */ \
  X(PathMtuFloor)          /* min_pmtu, 1280 */ \
  X(TimestampInOrder)      /* TS.Recent moves only by what stands at Last.ACK.sent */ \
  X(KeyedDemux)            /* the connection table's hash has a secret key */ \
  X(HandshakeAck)          /* SYN-RECEIVED ends by the ACK of our very ISN */ \
  X(ConnectedAfterAck)     /* the application hears of a connection when our SYN is acknowledged */ \
  X(HandleGenerations)     /* a handle knows when its object is gone */
// clang-format on

enum class Defence : std::uint8_t {
#define ESTAB_X(name) name,
  ESTAB_DEFENCES(ESTAB_X)
#undef ESTAB_X
      kCount
};
inline constexpr std::size_t kDefences = static_cast<std::size_t>(Defence::kCount);

constexpr std::string_view defence_name(Defence d) {
  constexpr std::array<std::string_view, kDefences> names{
#define ESTAB_X(name) #name,
      ESTAB_DEFENCES(ESTAB_X)
#undef ESTAB_X
  };
  return names[static_cast<std::size_t>(d)];
}

#ifdef ESTAB_SWITCHABLE_DEFENCES

namespace detail {
inline std::array<bool, kDefences> defence_is_off{};  // written by tests alone, between two stacks
}  // namespace detail

inline bool defended(Defence d) { return !detail::defence_is_off[static_cast<std::size_t>(d)]; }

// Takes a defence away for as long as it lives. Not while another thread drives a stack.
class WithoutDefence {
 public:
  explicit WithoutDefence(Defence d) : which_(static_cast<std::size_t>(d)) {
    detail::defence_is_off[which_] = true;
  }
  ~WithoutDefence() { detail::defence_is_off[which_] = false; }
  WithoutDefence(const WithoutDefence&) = delete;
  WithoutDefence& operator=(const WithoutDefence&) = delete;

 private:
  std::size_t which_;
};

#else

constexpr bool defended(Defence) { return true; }

#endif

}  // namespace estab
