// The arguments of a script's system call as values. All throw CallFailure with what was expected.
#pragma once
#include <sys/socket.h>
#include <sys/uio.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "lab/script/calls.h"

namespace estab::lab {

std::int64_t evaluate(const Expression& expression);

class Arguments {
 public:
  Arguments(const CallSpec& call, CallContext& context) : call_(call), context_(context) {}

  void expect_count(std::size_t least, std::size_t most) const;
  void expect_count(std::size_t count) const { expect_count(count, count); }
  std::size_t count() const { return call_.arguments.size(); }
  const Expression& at(std::size_t index) const { return call_.arguments.at(index); }

  int number(std::size_t index) const;
  int live_fd(std::size_t index) const;
  int script_fd(std::size_t index) const { return number(index); }
  void ellipsis(std::size_t index) const;
  bool is_ellipsis(std::size_t index) const { return at(index).is(Expression::Kind::kEllipsis); }
  // [5]
  std::int64_t bracketed(std::size_t index) const;
  // ... is `size` zero bytes, 0 is no buffer at all (nullptr).
  std::shared_ptr<std::vector<std::uint8_t>> buffer(std::size_t index, int size) const;
  // The descriptor that the script says the call returns.
  int result_fd() const { return static_cast<int>(evaluate(call_.result)); }

  CallContext& context() const { return context_; }
  const CallSpec& call() const { return call_; }

 private:
  const CallSpec& call_;
  CallContext& context_;
};

// [{..., 1000}, {..., 500}] with memory behind it.
struct Pieces {
  std::vector<std::vector<std::uint8_t>> memory;
  std::vector<iovec> pieces;
};
std::shared_ptr<Pieces> pieces_of(const Expression& list);

// An address for bind() or connect() in the script's mode.
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};
SocketAddress socket_address(const IpAddress& address, Port port, IpMode mode);
Endpoint endpoint_of(const sockaddr_storage& address);

// The address of connect() and of the calls that send to somewhere: the remote host's, or no more
// than `family`. The call's socket is connecting from now on.
SocketAddress begin_connection(const Arguments& arguments, std::optional<int> family);

// One file each.
PreparedCall prepare_opening(const Arguments& arguments);
PreparedCall prepare_transfer(const Arguments& arguments);
PreparedCall prepare_option(const Arguments& arguments);
PreparedCall prepare_wait(const Arguments& arguments);

}  // namespace estab::lab
