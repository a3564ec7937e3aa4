// Hash tables for millions of small trivially copyable entries: open addressing, robin hood order,
// backward-shift erasure (no tombstones), 4 bytes of hash kept beside each entry. They grow at 7/8
// full and shrink at 1/8, in steps: an old table is emptied into the new one by 32 slots at each
// insert or erase, so no call ever moves a million entries. All calls are O(1) on average. The
// caller supplies a 64-bit hash that strangers can't compute (siphash.h) wherever a peer chooses
// keys. Pointers to entries last until the next insert or erase.
//
// FlatIndex keeps entries that know or lead to their key, such as handles into a slab:
//   FlatIndex<Handle<Connection>> index;
//   index.insert(siphash(key, tuple), handle);
//   auto* found = index.find(siphash(key, tuple), [&](auto h) { return slab.get(h)->tuple == tuple;
//   });
// FlatMap keeps the key too:
//   FlatMap<FourTuple, std::uint32_t, KeyedHash> map{KeyedHash{key}};
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace estab {

namespace detail {

// One robin hood table of fixed size. `tag` is the low half of the hash, never 0.
template <class Entry>
class FlatTable {
  static_assert(std::is_trivially_copyable_v<Entry> && std::is_trivially_destructible_v<Entry>);
  static_assert(alignof(Entry) <= alignof(std::max_align_t));

 public:
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);

  FlatTable() = default;
  explicit FlatTable(std::size_t slots)  // a power of two
      : tags_(static_cast<std::uint32_t*>(std::calloc(slots, sizeof(std::uint32_t)))),
        entries_(static_cast<std::byte*>(std::malloc(slots * sizeof(Entry)))),
        slots_(slots) {
    // calloc hands out fresh pages without touching them: a big table costs nothing at birth.
    if (tags_ == nullptr || entries_ == nullptr) throw std::bad_alloc();
  }
  FlatTable(FlatTable&& o) noexcept { swap(o); }
  FlatTable& operator=(FlatTable&& o) noexcept {
    swap(o);
    return *this;
  }

  std::size_t slots() const { return slots_; }
  std::size_t size() const { return size_; }
  std::size_t bytes() const { return slots_ * (sizeof(std::uint32_t) + sizeof(Entry)); }
  bool occupied(std::size_t i) const { return tags_.get()[i] != 0; }
  std::uint32_t tag(std::size_t i) const { return tags_.get()[i]; }
  Entry& entry(std::size_t i) const {
    return *std::launder(reinterpret_cast<Entry*>(entries_.get() + i * sizeof(Entry)));
  }

  template <class Equal>
  std::size_t find(std::uint32_t wanted, Equal&& equal) const {
    if (size_ == 0) return kNone;
    std::size_t i = wanted & mask();
    for (std::size_t d = 0; occupied(i) && distance(i) >= d; ++d, i = (i + 1) & mask()) {
      if (tag(i) == wanted && equal(std::as_const(entry(i)))) return i;
    }
    return kNone;
  }
  // REQUIRES: a free slot. Returns where it went.
  std::size_t insert(std::uint32_t new_tag, Entry e) {
    std::size_t home = kNone;
    std::size_t i = new_tag & mask();
    for (std::size_t d = 0; occupied(i); ++d, i = (i + 1) & mask()) {
      const std::size_t theirs = distance(i);
      if (theirs >= d) continue;
      std::swap(new_tag, tags_.get()[i]);  // the richer one moves on
      std::swap(e, entry(i));
      if (home == kNone) home = i;
      d = theirs;
    }
    put(i, new_tag, e);
    ++size_;
    return home == kNone ? i : home;
  }
  void erase(std::size_t i) {
    for (std::size_t next = (i + 1) & mask(); occupied(next) && distance(next) > 0;
         i = next, next = (next + 1) & mask()) {
      put(i, tag(next), entry(next));
    }
    tags_.get()[i] = 0;
    --size_;
  }

 private:
  struct Free {
    void operator()(void* p) const { std::free(p); }
  };
  std::size_t mask() const { return slots_ - 1; }
  std::size_t distance(std::size_t i) const { return (i - tag(i)) & mask(); }
  void put(std::size_t i, std::uint32_t t, const Entry& e) {
    tags_.get()[i] = t;
    std::memcpy(entries_.get() + i * sizeof(Entry), static_cast<const void*>(&e), sizeof(Entry));
  }
  void swap(FlatTable& o) noexcept {
    std::swap(tags_, o.tags_);
    std::swap(entries_, o.entries_);
    std::swap(slots_, o.slots_);
    std::swap(size_, o.size_);
  }

  std::unique_ptr<std::uint32_t, Free> tags_;  // 0: free
  std::unique_ptr<std::byte, Free> entries_;
  std::size_t slots_ = 0;
  std::size_t size_ = 0;
};

}  // namespace detail

template <class Entry>
class FlatIndex {
  using Table = detail::FlatTable<Entry>;

 public:
  FlatIndex() = default;
  FlatIndex(FlatIndex&&) noexcept = default;
  FlatIndex& operator=(FlatIndex&&) noexcept = default;

  // The entry with this hash for which equal(const Entry&) holds, or nullptr. One may change the
  // entry through the pointer as long as its hash stays the same.
  template <class Equal>
  Entry* find(std::uint64_t hash, Equal&& equal) {
    const std::uint32_t tag = tag_of(hash);
    std::size_t i = table_.find(tag, equal);
    if (i != Table::kNone) return &table_.entry(i);
    i = old_.find(tag, equal);
    return i != Table::kNone ? &old_.entry(i) : nullptr;
  }
  template <class Equal>
  const Entry* find(std::uint64_t hash, Equal&& equal) const {
    return const_cast<FlatIndex*>(this)->find(hash, equal);
  }
  // Adds an entry whose equal is not there (that is the caller's to know). At most 2^31 entries.
  // Throws std::bad_alloc, and is unchanged then.
  Entry* insert(std::uint64_t hash, const Entry& entry) {
    if (size() + 1 > most(table_.slots())) resize(std::max<std::size_t>(8, table_.slots() * 2));
    move_some();
    return &table_.entry(table_.insert(tag_of(hash), entry));
  }
  // Removes the entry that find() would find. False when there is none.
  template <class Equal>
  bool erase(std::uint64_t hash, Equal&& equal) {
    const std::uint32_t tag = tag_of(hash);
    std::size_t i = table_.find(tag, equal);
    if (i != Table::kNone) {
      table_.erase(i);
    } else {
      i = old_.find(tag, equal);
      if (i == Table::kNone) return false;
      old_.erase(i);
    }
    move_some();
    if (empty() && bytes() > kWorthFreeing) clear();
    if (old_.slots() == 0 && table_.slots() > 8 && size() < table_.slots() / 8) shrink();
    return true;
  }
  // Room for `count` entries without growing on the way.
  void reserve(std::size_t count) {
    std::size_t slots = std::max<std::size_t>(8, table_.slots());
    while (most(slots) < count) slots *= 2;
    if (slots > table_.slots()) resize(slots);
  }
  void clear() {
    table_ = Table{};
    old_ = Table{};
    moved_ = 0;
  }
  // Calls f(Entry&) for each entry, in no order; f neither inserts nor erases.
  template <class F>
  void for_each(F&& f) {
    for (Table* t : {&table_, &old_}) {
      for (std::size_t i = 0; i < t->slots(); ++i) {
        if (t->occupied(i)) f(t->entry(i));
      }
    }
  }
  template <class F>
  void for_each(F&& f) const {
    const_cast<FlatIndex*>(this)->for_each([&](const Entry& e) { f(e); });
  }

  std::size_t size() const { return table_.size() + old_.size(); }
  bool empty() const { return size() == 0; }
  std::size_t bytes() const { return table_.bytes() + old_.bytes(); }  // memory held now

 private:
  static constexpr std::size_t kMovedAtOnce = 32;
  static constexpr std::size_t kWorthFreeing = 4096;  // bytes

  // The low half decides the slot; 0 marks a free slot, so it has to be something else.
  static std::uint32_t tag_of(std::uint64_t hash) {
    const auto low = static_cast<std::uint32_t>(hash);
    return low != 0 ? low : 0x80000000;
  }
  static std::size_t most(std::size_t slots) { return slots - slots / 8; }

  void resize(std::size_t slots) {
    Table fresh(slots);
    while (old_.slots() != 0) move_some();  // as good as never: see kMovedAtOnce
    old_ = std::exchange(table_, std::move(fresh));
    moved_ = 0;
    if (old_.size() == 0) old_ = Table{};
  }
  void shrink() {
    try {
      resize(table_.slots() / 2);
    } catch (const std::bad_alloc&) {  // then it stays as large as it is
    }
  }
  // Empties the next slots of the old table. Slots before moved_ are free and stay so: erasure
  // shifts entries back only to where one stood.
  void move_some() {
    if (old_.slots() == 0) return;
    for (std::size_t n = 0; n < kMovedAtOnce && old_.size() != 0; ++n) {
      if (!old_.occupied(moved_)) {
        ++moved_;
        continue;
      }
      table_.insert(old_.tag(moved_), old_.entry(moved_));
      old_.erase(moved_);
    }
    if (old_.size() == 0) old_ = Table{};
  }

  Table table_;
  Table old_;  // what a resize has not moved yet; no slots: none
  std::size_t moved_ = 0;
};

// Hash: std::uint64_t operator()(const Key&) const. Key and Value trivially copyable.
template <class Key, class Value, class Hash>
class FlatMap {
 public:
  struct Entry {
    Key key;
    Value value;
  };

  explicit FlatMap(Hash hash) : hash_(std::move(hash)) {}

  Value* find(const Key& key) {
    Entry* e = index_.find(hash_(key), is(key));
    return e != nullptr ? &e->value : nullptr;
  }
  const Value* find(const Key& key) const { return const_cast<FlatMap*>(this)->find(key); }
  bool contains(const Key& key) const { return find(key) != nullptr; }
  // The value of `key`, and whether it is new: a value that is there already is kept.
  std::pair<Value*, bool> insert(const Key& key, const Value& value) {
    const std::uint64_t hash = hash_(key);
    if (Entry* e = index_.find(hash, is(key))) return {&e->value, false};
    return {&index_.insert(hash, Entry{key, value})->value, true};
  }
  bool erase(const Key& key) { return index_.erase(hash_(key), is(key)); }
  void reserve(std::size_t count) { index_.reserve(count); }
  void clear() { index_.clear(); }
  // Calls f(const Key&, Value&) for each, in no order; f neither inserts nor erases.
  template <class F>
  void for_each(F&& f) {
    index_.for_each([&](Entry& e) { f(std::as_const(e.key), e.value); });
  }
  std::size_t size() const { return index_.size(); }
  bool empty() const { return index_.empty(); }
  std::size_t bytes() const { return index_.bytes(); }

 private:
  static auto is(const Key& key) {
    return [&key](const Entry& e) { return e.key == key; };
  }

  Hash hash_;
  FlatIndex<Entry> index_;
};

}  // namespace estab
