// Packets put together from fragments (RFC 791 3.2, RFC 8200 4.5) within hard limits: memory of all
// and of one source, pieces of one packet, time. What overlaps is dropped whole (RFC 5722, for IPv4
// too: teardrop); a piece that comes twice unchanged is no overlap. A source that exceeds its share
// loses its own oldest packets, not others' (FragmentSmack, CVE-2018-5391).
#pragma once
#include <list>
#include <map>
#include <optional>
#include <vector>

#include "estab/counters.h"
#include "estab/time.h"
#include "estab/tuning.h"
#include "ip/received.h"
#include "wire/headers.h"

namespace estab::ip {

// A packet whose first fragment came, but not the rest in time: for ICMP's time exceeded.
struct ExpiredReassembly {
  Buffer first_fragment;  // its IP header and the beginning of its payload
  bool link_group = false;
};

class Reassembler {
 public:
  static constexpr std::size_t kMaxPieces = 256;     // of one packet; 65,535 bytes at an MTU of 280
  static constexpr std::size_t kQuoted = 576;        // bytes kept of a first fragment
  static constexpr std::size_t kAssemblyCost = 640;  // what an assembly costs without its bytes
  static constexpr std::size_t kPieceCost = 96;      // the same for a piece
  static constexpr std::int64_t kSourceShare = 4;    // a source has a quarter of the memory

  struct Outcome {
    std::optional<Slice> whole;  // the packet, header and all, when this was the last piece
    // The field that ICMPv6's parameter problem (code 0) points at, when this piece deserves one
    // (RFC 8200 4.5).
    std::optional<std::uint32_t> problem_at;
  };

  Reassembler(const Tuning& tuning, Counters& counters) : tuning_(tuning), counters_(counters) {}

  // `fragment` was parsed from `bytes`; what is kept of it is copied.
  Outcome add(const wire::IpPacket& fragment, Bytes bytes, bool link_group, Instant now);
  Instant deadline() const;
  void on_time(Instant now, std::vector<ExpiredReassembly>& expired);
  std::size_t memory() const { return memory_; }

 private:
  struct Key {
    IpAddress source;
    IpAddress destination;
    std::uint32_t identification = 0;
    std::uint8_t protocol = 0;  // IPv4 only (RFC 791); 0 in IPv6
    friend auto operator<=>(const Key&, const Key&) = default;
  };
  struct Assembly {
    std::map<std::uint32_t, Slice> pieces;  // by offset; none overlap
    std::optional<wire::IpPacket> header;   // of the fragment at offset 0
    std::vector<std::uint8_t> options;      // that the header's options lie in
    Buffer first_fragment;
    std::optional<std::uint32_t> total;  // payload bytes, when the last one came
    std::uint32_t received = 0;          // payload bytes
    std::size_t memory = kAssemblyCost;
    std::uint8_t ecn_seen = 0;  // bit n: ECN code point n came (RFC 3168 5.3)
    bool spoiled = false;       // kept to swallow the rest until its time is over
    bool link_group = false;
    Instant started{};
    std::list<Key>::iterator by_age;
    std::list<Key>::iterator by_age_of_source;
  };
  struct Source {
    std::list<Key> by_age;
    std::size_t memory = 0;
  };
  using Assemblies = std::map<Key, Assembly>;

  std::optional<Outcome> refuse_shape(const wire::IpPacket& fragment) const;
  Assemblies::iterator find_or_start(const Key& key, Instant now);
  bool make_room(const Key& key, std::size_t bytes);
  bool fits(const Assembly& assembly, const wire::IpPacket& fragment, bool& duplicate) const;
  void store(Assembly& assembly, const wire::IpPacket& fragment, Bytes bytes);
  std::optional<Slice> join(const Assembly& assembly);
  void charge(const Key& key, Assembly& assembly, std::size_t bytes);
  void release_bytes(const Key& key, Assembly& assembly);
  void spoil(const Key& key, Assembly& assembly, Counter why);
  void give_up_for_memory(const Key& key);
  void erase(Assemblies::iterator at);

  const Tuning& tuning_;
  Counters& counters_;
  Assemblies assemblies_;
  std::list<Key> by_age_;
  std::map<IpAddress, Source> sources_;
  std::size_t memory_ = 0;
};

}  // namespace estab::ip
