// Listeners and the way to them: by (address, port), a specific address before a wildcard, 0.0.0.0
// before a :: that takes IPv4 too. Where SO_REUSEPORT let several listen on one name, a keyed hash
// of the remote end picks one.
#pragma once
#include <deque>
#include <unordered_map>
#include <vector>

#include "base/bytes.h"
#include "base/siphash.h"
#include "base/token_bucket.h"
#include "stack/stack.h"
#include "stack/syn_table.h"

namespace estab::stack {

struct Listener {
  std::uint64_t id = 0;
  BindingId binding;
  Endpoint local;
  bool v6_only = false;
  tcp::Settings settings;
  ListenOptions options;
  std::uint32_t backlog = 0;  // min(listen(backlog), somaxconn)
  Instant since{};
  SynQueue syn_queue;
  std::deque<ConnectionId> accept_queue;  // handshakes done, accept() not yet called

  Instant last_cookie = kNever;  // when the last SYN cookie was sent; kNever: none yet
  TokenBucket overflow_events;   // a flood must not wash everything else out of the event log

  // Linux: "qlen > backlog", so that a backlog of 0 still takes one.
  bool accept_queue_full() const { return accept_queue.size() > backlog; }
};

class ListenerTable {
 public:
  explicit ListenerTable(const SipKey& key) : key_(key) {}
  ListenerTable(const ListenerTable&) = delete;
  ListenerTable& operator=(const ListenerTable&) = delete;

  ListenerId add(Listener listener);
  void remove(ListenerId id);
  Listener* get(ListenerId id) { return slab_.get(id); }
  const Listener* get(ListenerId id) const { return slab_.get(id); }
  // Who takes a SYN with this name; none: the handle is 0.
  ListenerId find(const FourTuple& tuple) const;

  template <class F>
  std::uint32_t visit(std::uint32_t index, std::uint32_t limit, F&& f) const {
    return const_cast<Slab<Listener, ListenerTag>&>(slab_).visit(index, limit, f);
  }
  std::size_t size() const { return slab_.size(); }
  std::size_t bytes() const { return slab_.bytes(); }

 private:
  // Names are the application's, not a stranger's: nobody aims at a bucket here, and a SYN is looked
  // up up to three times.
  struct Hash {
    std::size_t operator()(const Endpoint& e) const {
      const std::uint8_t* b = e.address.bytes().data();
      std::uint64_t h = (load_be64(b) ^ e.port.value) * 0x9e3779b97f4a7c15;
      h = (h ^ (h >> 29) ^ load_be64(b + 8)) * 0xbf58476d1ce4e5b9;
      return static_cast<std::size_t>(h ^ (h >> 32));
    }
  };
  struct Named {
    ListenerId id;
    bool v6_only = false;
  };
  ListenerId pick(const Endpoint& name, const FourTuple& tuple) const;

  SipKey key_;
  Slab<Listener, ListenerTag> slab_;
  std::unordered_map<Endpoint, std::vector<Named>, Hash> by_name_;
};

}  // namespace estab::stack
