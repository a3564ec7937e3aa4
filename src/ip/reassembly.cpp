#include "ip/reassembly.h"

#include <algorithm>
#include <array>
#include <limits>

#include "base/defence.h"

#include "wire/ip.h"

namespace estab::ip {
namespace {

// Who shares a quota: an IPv4 address; an IPv6 /64, of which one host may use all.
IpAddress quota_of(const IpAddress& source) {
  if (source.is_v4()) return source;
  std::array<std::uint8_t, 16> bytes = source.bytes();
  std::fill(bytes.begin() + 8, bytes.end(), std::uint8_t{0});
  return IpAddress::v6(bytes);
}

std::uint32_t end_of(const wire::IpPacket& fragment) {
  return fragment.fragment_offset + static_cast<std::uint32_t>(fragment.payload.size());
}

constexpr std::uint8_t kNotEct = 1 << 0;
constexpr std::uint8_t kCongestion = 1 << 3;

}  // namespace

// What no reassembly can use, whatever else came. (In IPv6 parse_ip() has refused odd lengths and
// first fragments without their headers.)
std::optional<Reassembler::Outcome> Reassembler::refuse_shape(
    const wire::IpPacket& fragment) const {
  Outcome refused;
  const std::size_t length = fragment.payload.size();
  const bool v6 = !fragment.is_v4();
  if (length == 0 || (fragment.more_fragments && length % 8 != 0)) {
    counters_.add(Counter::EstabIpBadTotalLength);
    return refused;
  }
  // Ping of death: the end lies beyond what a packet can be.
  const std::size_t header = v6 ? 0 : fragment.header_length;
  if (header + end_of(fragment) > 65535) {
    counters_.add(Counter::EstabReasmTooLarge);
    if (v6) refused.problem_at = fragment.header_length - 6u;  // the fragment offset field
    return refused;
  }
  return std::nullopt;
}

Reassembler::Outcome Reassembler::add(const wire::IpPacket& fragment, Bytes bytes, bool link_group,
                                      Instant now) {
  counters_.add(Counter::IpReasmReqds);
  if (auto refused = refuse_shape(fragment)) return *refused;
  const Key key{fragment.source, fragment.destination, fragment.identification,
                fragment.is_v4() ? fragment.protocol : std::uint8_t{0}};
  const auto at = find_or_start(key, now);
  if (at == assemblies_.end()) return {};
  Assembly& assembly = at->second;
  if (assembly.spoiled) return {};
  assembly.link_group |= link_group;

  bool duplicate = false;
  if (!fits(assembly, fragment, duplicate)) {
    spoil(key, assembly, Counter::EstabReasmOverlap);
    return {};
  }
  if (duplicate) return {};
  if (assembly.pieces.size() >= kMaxPieces) {
    spoil(key, assembly, Counter::EstabReasmTooLarge);
    return {};
  }
  const std::size_t quoted =
      fragment.fragment_offset == 0 ? std::min(bytes.size(), kQuoted) + fragment.options.size() : 0;
  const std::size_t cost = kPieceCost + fragment.payload.size() + quoted;
  if (!make_room(key, cost)) {
    spoil(key, assembly, Counter::EstabReasmMemory);
    return {};
  }
  charge(key, assembly, cost);
  store(assembly, fragment, bytes);
  if (!assembly.total || assembly.received < *assembly.total) return {};
  Outcome outcome;
  outcome.whole = join(assembly);
  counters_.add(outcome.whole ? Counter::IpReasmOKs : Counter::IpReasmFails);
  erase(at);
  return outcome;
}

Reassembler::Assemblies::iterator Reassembler::find_or_start(const Key& key, Instant now) {
  if (const auto known = assemblies_.find(key); known != assemblies_.end()) return known;
  const IpAddress quota = quota_of(key.source);
  const auto most = defended(Defence::FragmentMemory)
                        ? static_cast<std::size_t>(tuning_.ipfrag_max_per_source)
                        : std::numeric_limits<std::size_t>::max();
  for (auto s = sources_.find(quota); s != sources_.end() && s->second.by_age.size() >= most;
       s = sources_.find(quota)) {
    give_up_for_memory(s->second.by_age.front());
  }
  if (!make_room(key, kAssemblyCost)) {
    counters_.add(Counter::EstabReasmMemory);
    return assemblies_.end();
  }
  const auto at = assemblies_.emplace(key, Assembly{}).first;
  Source& source = sources_[quota];
  at->second.started = now;
  at->second.by_age = by_age_.insert(by_age_.end(), key);
  at->second.by_age_of_source = source.by_age.insert(source.by_age.end(), key);
  source.memory += kAssemblyCost;
  memory_ += kAssemblyCost;
  return at;
}

// Drops older packets, of this source while it is over its share and then of anybody, until `bytes`
// more fit. Never the packet `key` itself.
bool Reassembler::make_room(const Key& key, std::size_t bytes) {
  if (!defended(Defence::FragmentMemory)) return true;
  const auto most = static_cast<std::size_t>(tuning_.ipfrag_high_thresh);
  const std::size_t share = most / kSourceShare;
  const auto oldest_other = [&](const std::list<Key>& ages) -> std::optional<Key> {
    for (const Key& k : ages) {
      if (k != key) return k;
    }
    return std::nullopt;
  };
  const IpAddress quota = quota_of(key.source);
  for (auto s = sources_.find(quota); s != sources_.end() && s->second.memory + bytes > share;
       s = sources_.find(quota)) {
    const std::optional<Key> victim = oldest_other(s->second.by_age);
    if (!victim) return false;
    give_up_for_memory(*victim);
  }
  if (bytes > share) return false;
  while (memory_ + bytes > most) {
    const std::optional<Key> victim = oldest_other(by_age_);
    if (!victim) return false;
    give_up_for_memory(*victim);
  }
  return true;
}

bool Reassembler::fits(const Assembly& assembly, const wire::IpPacket& fragment,
                       bool& duplicate) const {
  const std::uint32_t begin = fragment.fragment_offset;
  const std::uint32_t end = end_of(fragment);
  // The end is where the last fragment says, and it says so once.
  if (assembly.total && end > *assembly.total) return false;
  const bool last = !fragment.more_fragments;
  if (last && assembly.total && *assembly.total != end) return false;
  const auto next = assembly.pieces.lower_bound(begin);
  if (next != assembly.pieces.end()) {
    if (next->first == begin && next->second.length == end - begin) {
      duplicate = std::equal(fragment.payload.begin(), fragment.payload.end(),
                             next->second.bytes().begin());
      return duplicate;
    }
    if ((next->first < end && defended(Defence::FragmentOverlap)) || last) return false;
  }
  if (next == assembly.pieces.begin()) return true;
  const auto previous = std::prev(next);
  return previous->first + previous->second.length <= begin || !defended(Defence::FragmentOverlap);
}

void Reassembler::store(Assembly& assembly, const wire::IpPacket& fragment, Bytes bytes) {
  assembly.pieces.emplace(fragment.fragment_offset, Slice::copy_of(fragment.payload));
  assembly.received += static_cast<std::uint32_t>(fragment.payload.size());
  assembly.ecn_seen = static_cast<std::uint8_t>(assembly.ecn_seen | 1 << (fragment.tos & 3));
  if (!fragment.more_fragments) assembly.total = end_of(fragment);
  if (fragment.fragment_offset != 0) return;
  assembly.options.assign(fragment.options.begin(), fragment.options.end());
  assembly.header = fragment;
  assembly.header->options = Bytes(assembly.options);
  assembly.header->payload = {};
  assembly.first_fragment = Buffer::copy_of(bytes.first(std::min(bytes.size(), kQuoted)));
}

std::optional<Slice> Reassembler::join(const Assembly& assembly) {
  // Some routers marked congestion, others saw a packet that cannot carry the mark.
  const bool marked = (assembly.ecn_seen & kCongestion) != 0;
  if (marked && (assembly.ecn_seen & kNotEct) != 0) return std::nullopt;
  wire::IpPacket header = *assembly.header;
  header.more_fragments = false;
  header.dont_fragment = false;
  if (marked) header.tos |= 3;
  const std::size_t header_size = wire::ip_header_size(header);
  if (header.is_v4() && header_size + *assembly.total > 65535) {
    counters_.add(Counter::EstabReasmTooLarge);
    return std::nullopt;
  }
  const auto size = static_cast<std::uint32_t>(header_size + *assembly.total);
  Slice whole{Buffer::allocate(size), 0, size};
  wire::build_ip(header, *assembly.total, whole.buffer.data());
  for (const auto& [offset, piece] : assembly.pieces) {
    std::memcpy(whole.buffer.data() + header_size + offset, piece.bytes().data(), piece.length);
  }
  return whole;
}

void Reassembler::charge(const Key& key, Assembly& assembly, std::size_t bytes) {
  assembly.memory += bytes;
  memory_ += bytes;
  sources_[quota_of(key.source)].memory += bytes;
}

void Reassembler::release_bytes(const Key& key, Assembly& assembly) {
  const std::size_t bytes = assembly.memory - kAssemblyCost;
  assembly.memory = kAssemblyCost;
  memory_ -= bytes;
  sources_[quota_of(key.source)].memory -= bytes;
  assembly.pieces.clear();
  assembly.first_fragment = {};
}

void Reassembler::spoil(const Key& key, Assembly& assembly, Counter why) {
  counters_.add(why);
  counters_.add(Counter::IpReasmFails);
  release_bytes(key, assembly);
  assembly.spoiled = true;
}

void Reassembler::give_up_for_memory(const Key& key) {
  const auto at = assemblies_.find(key);
  counters_.add(Counter::EstabReasmMemory, at->second.pieces.size());
  if (!at->second.spoiled) counters_.add(Counter::IpReasmFails);
  erase(at);
}

void Reassembler::erase(Assemblies::iterator at) {
  const auto source = sources_.find(quota_of(at->first.source));
  memory_ -= at->second.memory;
  source->second.memory -= at->second.memory;
  source->second.by_age.erase(at->second.by_age_of_source);
  if (source->second.by_age.empty()) sources_.erase(source);
  by_age_.erase(at->second.by_age);
  assemblies_.erase(at);
}

Instant Reassembler::deadline() const {
  if (by_age_.empty()) return kNever;
  return assemblies_.find(by_age_.front())->second.started + seconds_of(tuning_.ipfrag_time);
}

void Reassembler::on_time(Instant now, std::vector<ExpiredReassembly>& expired) {
  while (deadline() <= now) {
    const auto at = assemblies_.find(by_age_.front());
    Assembly& assembly = at->second;
    if (!assembly.spoiled) {
      counters_.add(Counter::IpReasmTimeout);
      counters_.add(Counter::IpReasmFails);
      if (assembly.first_fragment) {
        expired.push_back({std::move(assembly.first_fragment), assembly.link_group});
      }
    }
    erase(at);
  }
}

}  // namespace estab::ip
