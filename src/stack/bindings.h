// Who holds which local port, and whether a newcomer may have it too: bind()'s rules, as Linux has
// them. Each port keeps its holders in groups (alike ones are counted, not listed), so that a
// hundred thousand TIME-WAIT records of one server port cost one look.
//
// | newcomer asks    | holder                                         | outcome                   |
// |------------------|------------------------------------------------|---------------------------|
// | any              | address does not overlap                       | both                      |
// | SO_REUSEADDR     | had SO_REUSEADDR, does not listen              | both                      |
// | SO_REUSEPORT     | had SO_REUSEPORT, same owner or TIME-WAIT      | both                      |
// | any              | anything else                                  | EADDRINUSE                |
// | port 0           | any whose address overlaps                     | another port              |
#pragma once
#include <optional>
#include <unordered_map>
#include <vector>

#include "base/random.h"
#include "estab/address.h"
#include "estab/error.h"

namespace estab::stack {

enum class HolderKind : std::uint8_t {
  kListener,
  kTimeWait,
  kOther,  // bound sockets and connections
};

struct Holder {
  IpAddress address;     // may be a wildcard
  bool v6_only = false;  // a wildcard :: that leaves IPv4 out
  HolderKind kind = HolderKind::kOther;
  bool reuse_address = false;  // SO_REUSEADDR
  bool reuse_port = false;     // SO_REUSEPORT
  bool autobound = false;      // connect() chose the port: nobody named it
  std::uint64_t owner = 0;     // not compared with TIME-WAIT
  friend bool operator==(const Holder&, const Holder&) = default;
};

// True when both could receive the same segment.
bool addresses_overlap(const Holder& a, const Holder& b);

class PortHolders {
 public:
  void add(Port port, const Holder& holder);
  // REQUIRES: an equal holder was added and not removed since.
  void remove(Port port, const Holder& holder);
  // May `newcomer` share the port with those that hold it?
  bool conflicts(Port port, const Holder& newcomer) const;
  // Somebody whose address overlaps holds it, whatever he allows: bind() to port 0 goes on.
  bool occupied(Port port, const Holder& newcomer) const;
  // Somebody named this port in bind(): connect() does not choose it, as in Linux.
  bool named(Port port) const;
  // A port in [low, high] that nobody holds, searched from a random one on.
  std::optional<Port> find_free(const Holder& newcomer, std::uint16_t low, std::uint16_t high,
                                Random& random) const;
  std::size_t ports() const { return ports_.size(); }

 private:
  struct Group {
    Holder holder;
    std::uint32_t count = 0;
  };
  std::unordered_map<std::uint16_t, std::vector<Group>> ports_;
};

}  // namespace estab::stack
