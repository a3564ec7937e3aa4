// socket, bind, listen, accept, connect, close, shutdown.
#include <fmt/format.h>

#include "estab/posix.h"
#include "lab/script/arguments.h"

namespace estab::lab {
namespace {

using Stage = Conversation::Stage;

PreparedCall prepare_socket(const Arguments& args) {
  args.expect_count(3);
  const IpMode mode = args.context().settings.ip;
  const int domain = !args.is_ellipsis(0)    ? args.number(0)
                     : mode == IpMode::kIpv4 ? AF_INET
                                             : AF_INET6;
  PreparedCall call;
  call.returns_descriptor = true;
  call.run = [domain, type = args.number(1), protocol = args.number(2)] {
    return static_cast<long>(estab_socket(domain, type, protocol));
  };
  call.check = [&sockets = args.context().sockets, script_fd = args.result_fd()](long live_fd) {
    if (live_fd < 0) return;
    sockets.refuse_duplicate(script_fd);
    Conversation& made = sockets.make();
    made.script_fd = script_fd;
    made.live_fd = static_cast<int>(live_fd);
  };
  return call;
}

PreparedCall prepare_bind(const Arguments& args) {
  args.expect_count(3);
  args.ellipsis(1);
  args.ellipsis(2);
  const ScriptSettings& settings = args.context().settings;
  const SocketAddress address =
      socket_address(settings.local.address, settings.bind_port, settings.ip);
  PreparedCall call;
  call.run = [fd = args.live_fd(0), address] {
    return static_cast<long>(estab_bind(fd, address.get(), address.length));
  };
  return call;
}

PreparedCall prepare_listen(const Arguments& args) {
  args.expect_count(2);
  PreparedCall call;
  call.run = [fd = args.live_fd(0), backlog = args.number(1)] {
    return static_cast<long>(estab_listen(fd, backlog));
  };
  call.check = [&sockets = args.context().sockets, script_fd = args.script_fd(0)](long result) {
    Conversation* socket = sockets.find(script_fd);
    if (result == 0 && socket != nullptr) socket->stage = Stage::kListening;
  };
  return call;
}

PreparedCall prepare_accept(const Arguments& args) {
  const bool with_flags = args.call().name == "accept4";
  args.expect_count(with_flags ? 4 : 3);
  args.ellipsis(1);
  args.ellipsis(2);
  auto peer = std::make_shared<sockaddr_storage>();
  PreparedCall call;
  call.returns_descriptor = true;
  call.run = [fd = args.live_fd(0), flags = with_flags ? args.number(3) : 0, peer] {
    socklen_t length = sizeof(*peer);
    return static_cast<long>(
        estab_accept4(fd, reinterpret_cast<sockaddr*>(peer.get()), &length, flags));
  };
  call.check = [&sockets = args.context().sockets, peer, script_fd = args.result_fd()](long live) {
    if (live < 0) return;
    Conversation* accepted = sockets.unaccepted(endpoint_of(*peer).port);
    if (accepted == nullptr) throw CallFailure("unable to find socket matching accept() call");
    // As packetdrill, which lets an accepted descriptor take the name of one still open.
    accepted->script_fd = script_fd;
    accepted->live_fd = static_cast<int>(live);
  };
  return call;
}

}  // namespace

// Of connect() and of the sending calls that have an address: AF_UNSPEC alone, or the remote host.
SocketAddress begin_connection(const Arguments& args, std::optional<int> family) {
  const ScriptSettings& settings = args.context().settings;
  SocketAddress address = socket_address(settings.remote, settings.connect_port, settings.ip);
  if (family) {
    address = SocketAddress{};
    address.storage.ss_family = static_cast<sa_family_t>(*family);
    address.length = sizeof(address.storage);
  }
  Conversation* socket = args.context().sockets.find(args.script_fd(0));
  if (socket == nullptr) throw CallFailure("the descriptor is no socket");
  if (address.storage.ss_family == AF_UNSPEC) {
    socket->stage = Stage::kNew;
  } else if (socket->stage == Stage::kNew) {
    socket->stage = Stage::kConnecting;
    socket->remote = {settings.remote, settings.connect_port};
  }
  return address;
}

namespace {

PreparedCall prepare_connect(const Arguments& args) {
  args.expect_count(3);
  args.ellipsis(2);
  std::optional<int> family;
  if (!args.is_ellipsis(1)) family = args.number(1);
  PreparedCall call;
  call.run = [fd = args.live_fd(0), address = begin_connection(args, family)] {
    return static_cast<long>(estab_connect(fd, address.get(), address.length));
  };
  return call;
}

PreparedCall prepare_close(const Arguments& args) {
  args.expect_count(1);
  PreparedCall call;
  call.run = [fd = args.live_fd(0)] { return static_cast<long>(estab_close(fd)); };
  call.check = [&sockets = args.context().sockets, script_fd = args.script_fd(0)](long) {
    sockets.closed(script_fd);
  };
  return call;
}

PreparedCall prepare_shutdown(const Arguments& args) {
  args.expect_count(2);
  PreparedCall call;
  call.run = [fd = args.live_fd(0), how = args.number(1)] {
    return static_cast<long>(estab_shutdown(fd, how));
  };
  return call;
}

}  // namespace

PreparedCall prepare_opening(const Arguments& args) {
  const std::string& name = args.call().name;
  if (name == "socket") return prepare_socket(args);
  if (name == "bind") return prepare_bind(args);
  if (name == "listen") return prepare_listen(args);
  if (name == "connect") return prepare_connect(args);
  if (name == "close") return prepare_close(args);
  if (name == "shutdown") return prepare_shutdown(args);
  return prepare_accept(args);
}

}  // namespace estab::lab
