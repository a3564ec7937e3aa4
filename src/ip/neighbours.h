// Who is where on an Ethernet: the states of RFC 4861 7.3.2, for IPv6 and IPv4 alike. It knows no
// packet format: it says what to ask and what may leave now, and is told what was heard.
//
// Two bounded tables, so that a flood of addresses that nobody has cannot push out the gateway: an
// unresolved one takes at most a quarter of gc_thresh3.
#pragma once
#include <optional>
#include <set>
#include <vector>

#include "base/seq.h"
#include "estab/counters.h"
#include "estab/device.h"
#include "estab/tuning.h"
#include "ip/ip_layer.h"
#include "ip/lru_map.h"

namespace estab::ip {

// The segment in a frame that may have to be reported as undeliverable.
struct SegmentName {
  FourTuple tuple;
  WireSeq seq;
};

struct WaitingFrame {
  OutgoingFrame frame;  // from the IP header on
  std::optional<SegmentName> segment;
};

// What is to be done, in this order, after a call that takes one.
struct NeighbourActions {
  struct Solicit {
    LinkAddress target;
    std::optional<MacAddress> to;  // the station that is probed; nothing: ask all
  };
  struct Release {
    InterfaceId interface {};
    MacAddress mac;
    OutgoingFrame frame;
  };
  struct Unreachable {
    LinkAddress neighbour;
    SegmentName segment;
  };
  std::vector<Release> release;
  std::vector<Solicit> solicit;
  std::vector<Unreachable> unreachable;
};

// How an address was heard of.
enum class Heard : std::uint8_t {
  kAnswer,    // to a solicitation: it lives
  kQuestion,  // it asks us: worth remembering, but whether it hears us is not proven
  kRumour,    // gratuitous, or asked of others: changes what is known, adds nothing
};

class NeighbourTable {
 public:
  static constexpr std::size_t kMaxQueued = 3;                 // packets an unresolved one keeps
  static constexpr int kMaxSolicitations = 3;                  // RFC 4861 10
  static constexpr Duration kRetry = std::chrono::seconds(1);  // RetransTimer; RFC 1122 2.3.2.1
  static constexpr Duration kReachable = std::chrono::seconds(30);  // ReachableTime
  static constexpr Duration kDelay = std::chrono::seconds(5);       // DELAY_FIRST_PROBE_TIME

  NeighbourTable(const Tuning& tuning, Counters& counters, KeyedHash hash)
      : tuning_(tuning), counters_(counters), known_(hash), unresolved_(hash) {}

  // Where to send now; nothing: call wait(). A stale one is used, and checked if it stays silent.
  std::optional<MacAddress> find(const LinkAddress& neighbour, Instant now);
  // Keeps the frame until the neighbour answers; asks when nobody has yet. The queue's oldest gives
  // way.
  void wait(const LinkAddress& neighbour, WaitingFrame frame, Instant now,
            NeighbourActions& actions);
  // `may_replace`: whether another station address than the known one is believed at once (an
  // advertisement's override flag; always in ARP).
  void hear(const LinkAddress& neighbour, const MacAddress& mac, Heard how, bool may_replace,
            Instant now, NeighbourActions& actions);
  // An advertisement without a station address (RFC 4861 7.2.5): proof of life at most.
  void confirm(const LinkAddress& neighbour, Instant now);
  void doubt(const LinkAddress& neighbour);
  void remove_interface(InterfaceId id);

  Instant deadline() const { return timers_.empty() ? kNever : timers_.begin()->first; }
  void on_time(Instant now, NeighbourActions& actions);
  std::vector<NeighbourInfo> list(Instant now) const;

 private:
  struct Known {
    MacAddress mac;
    NeighbourState state = NeighbourState::kStale;
    Instant until{};  // REACHABLE: turns stale; DELAY, PROBE: the timer
    int probes = 0;
  };
  struct Unresolved {
    std::vector<WaitingFrame> queue;
    Instant until{};
    int solicitations = 0;
  };

  std::size_t most_unresolved() const;
  std::size_t most_known() const;
  void set_timer(const LinkAddress& neighbour, Instant& until, Instant at);
  void stop_timer(const LinkAddress& neighbour, const Known& known);
  void set_state(const LinkAddress& neighbour, Known& known, NeighbourState state, Instant now);
  Known* learn(const LinkAddress& neighbour, const MacAddress& mac, bool unasked);
  void forget(const LinkAddress& neighbour);
  void drop_unresolved(const LinkAddress& neighbour, NeighbourActions* actions);
  void repeat(const LinkAddress& neighbour, Instant now, NeighbourActions& actions);

  const Tuning& tuning_;
  Counters& counters_;
  LruMap<LinkAddress, Known> known_;
  LruMap<LinkAddress, Unresolved> unresolved_;
  std::set<std::pair<Instant, LinkAddress>> timers_;
};

}  // namespace estab::ip
