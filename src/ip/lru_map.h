// A hash map that knows which entry was used least lately: the tables that strangers can make us
// fill. Its hash is keyed, so that nobody outside can aim at one bucket. find(), insert() and
// erase() are O(1).
//
//   LruMap<IpAddress, Path> paths{KeyedHash{secret}};
//   while (paths.size() >= bound) paths.erase(paths.oldest()->first);
//   paths.insert(destination, path);
#pragma once
#include <list>
#include <unordered_map>
#include <utility>

#include "base/siphash.h"
#include "ip/received.h"

namespace estab::ip {

// An address on one link: fe80::1 of one interface is not that of another.
struct LinkAddress {
  InterfaceId interface {};
  IpAddress address;
  friend auto operator<=>(const LinkAddress&, const LinkAddress&) = default;
};

struct KeyedHash {
  SipKey key;
  std::size_t operator()(const IpAddress& a) const { return siphash(key, Bytes(a.bytes())); }
  std::size_t operator()(const LinkAddress& a) const {
    return siphash(key, Bytes(a.address.bytes())) + static_cast<std::size_t>(a.interface);
  }
};

template <class Key, class Value>
class LruMap {
 public:
  using Entry = std::pair<const Key, Value>;

  explicit LruMap(KeyedHash hash) : index_(0, hash) {}

  // The value, now the most lately used; nullptr when absent. Valid until it is erased.
  Value* find(const Key& key) {
    const auto found = index_.find(key);
    if (found == index_.end()) return nullptr;
    entries_.splice(entries_.begin(), entries_, found->second);
    return &found->second->second;
  }
  // The same without counting as a use.
  Value* peek(const Key& key) {
    const auto found = index_.find(key);
    return found == index_.end() ? nullptr : &found->second->second;
  }
  const Value* peek(const Key& key) const { return const_cast<LruMap*>(this)->peek(key); }
  // `key` must be absent.
  Value& insert(const Key& key, Value value) {
    entries_.emplace_front(key, std::move(value));
    index_.emplace(key, entries_.begin());
    return entries_.front().second;
  }
  bool erase(Key key) {  // by value: it may be the entry's own
    const auto found = index_.find(key);
    if (found == index_.end()) return false;
    entries_.erase(found->second);
    index_.erase(found);
    return true;
  }
  Entry* oldest() { return entries_.empty() ? nullptr : &entries_.back(); }
  std::size_t size() const { return entries_.size(); }
  bool empty() const { return entries_.empty(); }

  auto begin() const { return entries_.begin(); }  // most lately used first
  auto end() const { return entries_.end(); }

 private:
  std::list<Entry> entries_;
  std::unordered_map<Key, typename std::list<Entry>::iterator, KeyedHash> index_;
};

}  // namespace estab::ip
