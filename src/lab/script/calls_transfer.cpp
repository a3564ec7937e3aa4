// read, write and all their fellows.
#include <fmt/format.h>

#include <cstring>

#include "estab/posix.h"
#include "lab/script/arguments.h"
#include "lab/script/control_messages.h"

namespace estab::lab {
namespace {

using Memory = std::shared_ptr<std::vector<std::uint8_t>>;

void* data_of(const Memory& memory) { return memory == nullptr ? nullptr : memory->data(); }

// read, recv, write, send: descriptor, buffer, length, and flags where they have them.
PreparedCall prepare_plain(const Arguments& args) {
  const std::string& name = args.call().name;
  const bool with_flags = name == "recv" || name == "send";
  args.expect_count(with_flags ? 4 : 3);
  const int fd = args.live_fd(0);
  const int length = args.number(2);
  const auto size = static_cast<std::size_t>(length);
  const Memory memory = args.buffer(1, length);
  const int flags = with_flags ? args.number(3) : 0;
  PreparedCall call;
  if (name == "read") {
    call.run = [fd, memory, size] { return estab_read(fd, data_of(memory), size); };
  } else if (name == "write") {
    call.run = [fd, memory, size] { return estab_write(fd, data_of(memory), size); };
  } else if (name == "recv") {
    call.run = [fd, memory, size, flags] { return estab_recv(fd, data_of(memory), size, flags); };
  } else {
    call.run = [fd, memory, size, flags] { return estab_send(fd, data_of(memory), size, flags); };
  }
  return call;
}

PreparedCall prepare_vector(const Arguments& args) {
  args.expect_count(3);
  const int fd = args.live_fd(0);
  const auto pieces = pieces_of(args.at(1));
  const int count = args.number(2);
  if (static_cast<std::size_t>(count) != pieces->pieces.size()) {
    throw CallFailure(fmt::format("iov_count {} does not match {}-element iovec array", count,
                                  pieces->pieces.size()));
  }
  PreparedCall call;
  if (args.call().name == "readv") {
    call.run = [fd, pieces, count] { return estab_readv(fd, pieces->pieces.data(), count); };
  } else {
    call.run = [fd, pieces, count] { return estab_writev(fd, pieces->pieces.data(), count); };
  }
  return call;
}

PreparedCall prepare_sendto(const Arguments& args) {
  args.expect_count(6);
  args.ellipsis(5);
  std::optional<int> family;
  if (!args.is_ellipsis(4)) family = args.number(4);
  const int length = args.number(2);
  PreparedCall call;
  call.run = [fd = args.live_fd(0), memory = args.buffer(1, length), length, flags = args.number(3),
              address = begin_connection(args, family)] {
    return estab_sendto(fd, data_of(memory), static_cast<std::size_t>(length), flags, address.get(),
                        address.length);
  };
  return call;
}

PreparedCall prepare_recvfrom(const Arguments& args) {
  args.expect_count(6);
  const int length = args.number(2);
  PreparedCall call;
  call.run = [fd = args.live_fd(0), memory = args.buffer(1, length), length,
              flags = args.number(3)] {
    sockaddr_storage from{};
    socklen_t from_length = sizeof(from);
    return estab_recvfrom(fd, data_of(memory), static_cast<std::size_t>(length), flags,
                          reinterpret_cast<sockaddr*>(&from), &from_length);
  };
  return call;
}

// --- messages

// {msg_name(...)=..., msg_iov(1)=[{..., 1000}], msg_flags=0, msg_control=[..]}
struct Message {
  msghdr header{};
  std::shared_ptr<Pieces> pieces;
  SocketAddress name;
  std::vector<std::uint8_t> control;
};

const Expression& field(const Expression& message, const char* name) {
  const Expression* found = message.field(name);
  if (found == nullptr) throw CallFailure(fmt::format("expected {{msg_name ...}}: no {}", name));
  return *found;
}

void check_piece_count(const Expression& message, std::size_t count) {
  for (const Expression& item : message.items) {
    if (item.text != "msg_iov" || item.items.size() < 2 || item.items[1].items.empty()) continue;
    const std::int64_t written = evaluate(item.items[1].items[0]);
    if (static_cast<std::size_t>(written) == count) return;
    throw CallFailure(
        fmt::format("msg_iovlen {} does not match {}-element iovec array", written, count));
  }
}

std::shared_ptr<Message> message_of(const Expression& expression) {
  auto message = std::make_shared<Message>();
  message->pieces = pieces_of(field(expression, "msg_iov"));
  check_piece_count(expression, message->pieces->pieces.size());
  msghdr& header = message->header;
  header.msg_iov = message->pieces->pieces.data();
  header.msg_iovlen = message->pieces->pieces.size();
  header.msg_name = &message->name.storage;
  header.msg_namelen = sizeof(message->name.storage);
  return message;
}

PreparedCall prepare_sendmsg(const Arguments& args) {
  args.expect_count(3);
  const Expression& expression = args.at(1);
  const auto message = message_of(expression);
  if (evaluate(field(expression, "msg_flags")) != 0) {
    throw CallFailure("sendmsg ignores msg_flags field in msghdr");
  }
  message->name = begin_connection(args, std::nullopt);
  message->header.msg_name = &message->name.storage;
  message->header.msg_namelen = message->name.length;
  if (const Expression* control = expression.field("msg_control")) {
    message->control = control_bytes(*control);
    message->header.msg_control = message->control.empty() ? nullptr : message->control.data();
    message->header.msg_controllen = message->control.size();
  }
  PreparedCall call;
  call.run = [fd = args.live_fd(0), message, flags = args.number(2)] {
    return estab_sendmsg(fd, &message->header, flags);
  };
  return call;
}

PreparedCall prepare_recvmsg(const Arguments& args) {
  args.expect_count(3);
  const Expression& expression = args.at(1);
  const auto message = message_of(expression);
  std::vector<std::uint8_t> expected;
  if (const Expression* control = expression.field("msg_control")) {
    expected = control_bytes(*control);
    message->control.resize(expected.size());
    message->header.msg_control = message->control.data();
    message->header.msg_controllen = message->control.size();
  }
  const auto expected_flags = static_cast<int>(evaluate(field(expression, "msg_flags")));
  PreparedCall call;
  call.run = [fd = args.live_fd(0), message, flags = args.number(2)] {
    return estab_recvmsg(fd, &message->header, flags);
  };
  call.check = [message, expected, expected_flags](long result) {
    if (result < 0) return;
    if (message->header.msg_flags != expected_flags) {
      throw CallFailure(fmt::format("Expected msg_flags 0x{:08X} but got 0x{:08X}", expected_flags,
                                    message->header.msg_flags));
    }
    compare_control(expected, message->header);
  };
  return call;
}

}  // namespace

PreparedCall prepare_transfer(const Arguments& args) {
  const std::string& name = args.call().name;
  if (name == "readv" || name == "writev") return prepare_vector(args);
  if (name == "sendto") return prepare_sendto(args);
  if (name == "recvfrom") return prepare_recvfrom(args);
  if (name == "sendmsg") return prepare_sendmsg(args);
  if (name == "recvmsg") return prepare_recvmsg(args);
  return prepare_plain(args);
}

}  // namespace estab::lab
