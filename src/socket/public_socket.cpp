// The public Socket and Listener: handles to an Engine's entries.
#include "dev/clock.h"
#include "estab/socket.h"
#include "estab/stack.h"
#include "socket/engine.h"

namespace estab {
namespace {

using socket::Engine;
using socket::Family;
using socket::SocketId;

Bytes bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

// An open socket that is closed again unless it is released.
class Opening {
 public:
  Opening(const std::shared_ptr<Engine>& engine, SocketId id) : engine_(engine), id_(id) {}
  Opening(const Opening&) = delete;
  Opening& operator=(const Opening&) = delete;
  ~Opening() {
    if (id_) (void)engine_->close(id_);
  }
  SocketId id() const { return id_; }
  std::uint64_t release() { return std::exchange(id_, {}).value; }

 private:
  const std::shared_ptr<Engine>& engine_;
  SocketId id_;
};

Family family_of(const IpAddress& address) { return address.is_v4() ? Family::v4 : Family::v6; }

}  // namespace

// --- SocketBase
// ---------------------------------------------------------------------------------------

SocketBase::SocketBase(std::shared_ptr<Engine> engine, std::uint64_t handle)
    : engine_(std::move(engine)), handle_(handle) {}

SocketBase::SocketBase(SocketBase&& o) noexcept
    : engine_(std::move(o.engine_)), handle_(std::exchange(o.handle_, 0)) {}

SocketBase& SocketBase::operator=(SocketBase&& o) noexcept {
  if (this == &o) return *this;
  close();
  engine_ = std::move(o.engine_);
  handle_ = std::exchange(o.handle_, 0);
  return *this;
}

SocketBase::~SocketBase() { close(); }

void SocketBase::close() {
  if (handle_ == 0) return;
  (void)engine_->close(SocketId{std::exchange(handle_, 0)});
  engine_.reset();
}

Endpoint SocketBase::local() const {
  if (!is_open()) return {};
  return engine_->look(SocketId{handle_}).value_or(Engine::Look{}).local;
}

Readiness SocketBase::readiness() const {
  return is_open() ? engine_->readiness(SocketId{handle_}) : Readiness{0};
}

int SocketBase::take_error() {
  return is_open() ? engine_->take_error(SocketId{handle_}).value_or(EBADF) : EBADF;
}

bool SocketBase::nonblocking() const {
  return is_open() && engine_->look(SocketId{handle_}).value_or(Engine::Look{}).nonblocking;
}

Result<void> SocketBase::set_nonblocking(bool on) {
  if (!is_open()) return fail(EBADF);
  return engine_->set_nonblocking(SocketId{handle_}, on);
}

Result<void> SocketBase::on_ready(Readiness mask, std::function<void(Readiness)> call) {
  if (!is_open()) return fail(EBADF);
  return engine_->on_ready(SocketId{handle_}, mask, std::move(call));
}

Result<SocketOptions> SocketBase::options() const {
  if (!is_open()) return fail(EBADF);
  return engine_->get_options(SocketId{handle_});
}

Result<void> SocketBase::change_options(const std::function<void(SocketOptions&)>& change) {
  if (!is_open()) return fail(EBADF);
  return engine_->change_options(SocketId{handle_}, change);
}

// --- Socket
// -------------------------------------------------------------------------------------------

Result<Socket> Socket::connect(Stack& stack, const Endpoint& remote,
                               const ConnectOptions& options) {
  const std::shared_ptr<Engine>& engine = stack.engine();
  const auto opened = engine->open(family_of(remote.address));
  if (!opened) return tl::unexpected(opened.error());
  Opening opening(engine, *opened);
  const SocketId id = opening.id();
  auto prepared = engine->change_options(id, [&](SocketOptions& o) { o = options.socket; });
  if (prepared && options.local) prepared = engine->bind(id, *options.local);
  if (!prepared) return tl::unexpected(prepared.error());
  std::optional<socket::Deadline> deadline;
  if (options.timeout) deadline = engine->driver().clock() + *options.timeout;
  if (options.nonblocking) {
    (void)engine->set_nonblocking(id, true);
    deadline = socket::kAtOnce;
  }
  const auto connected = engine->connect(id, remote, deadline);
  const bool going_on = !connected && connected.error().value() == EINPROGRESS;
  if (going_on && !options.nonblocking) return fail(ETIMEDOUT);
  if (!connected && !going_on) return tl::unexpected(connected.error());
  return Socket(engine, opening.release());
}

Result<void> Socket::finish_connect() {
  if (!is_open()) return fail(EBADF);
  const auto look = engine_->look(SocketId{handle_});
  if (!look) return tl::unexpected(look.error());
  if (look->phase == socket::Phase::Connected) return {};
  if (look->phase != socket::Phase::Connecting) return fail(ENOTCONN);
  auto done = engine_->connect(SocketId{handle_}, {}, socket::kAtOnce);
  if (!done && done.error().value() == EALREADY) return fail(EINPROGRESS);
  return done;
}

Result<std::size_t> Socket::send(Bytes bytes, unsigned flags) {
  if (!is_open()) return fail(EBADF);
  return engine_->send(SocketId{handle_}, bytes, flags);
}

Result<std::size_t> Socket::send(std::string_view text, unsigned flags) {
  return send(bytes_of(text), flags);
}

Result<std::size_t> Socket::receive(MutableBytes to, unsigned flags) {
  if (!is_open()) return fail(EBADF);
  return engine_->receive(SocketId{handle_}, to, flags);
}

Result<std::size_t> Socket::receive(std::span<char> to, unsigned flags) {
  return receive(MutableBytes{reinterpret_cast<std::uint8_t*>(to.data()), to.size()}, flags);
}

Result<void> Socket::shutdown_write() {
  if (!is_open()) return fail(EBADF);
  return engine_->shutdown(SocketId{handle_}, socket::kShutWrite);
}

Result<void> Socket::shutdown_read() {
  if (!is_open()) return fail(EBADF);
  return engine_->shutdown(SocketId{handle_}, socket::kShutRead);
}

void Socket::abort() {
  if (is_open()) (void)engine_->abort(SocketId{handle_});
}

Endpoint Socket::remote() const {
  if (!is_open()) return {};
  return engine_->look(SocketId{handle_}).value_or(Engine::Look{}).remote;
}

State Socket::state() const {
  if (!is_open()) return State::Closed;
  return info().map([](const ConnectionInfo& i) { return i.state; }).value_or(State::Closed);
}

Result<ConnectionInfo> Socket::info() const {
  if (!is_open()) return fail(EBADF);
  return engine_->info(SocketId{handle_});
}

std::size_t Socket::readable_bytes() const {
  return is_open() ? engine_->look(SocketId{handle_}).value_or(Engine::Look{}).readable : 0;
}

std::size_t Socket::unacked_bytes() const {
  return is_open() ? engine_->look(SocketId{handle_}).value_or(Engine::Look{}).unacked : 0;
}

std::size_t Socket::unsent_bytes() const {
  return is_open() ? engine_->look(SocketId{handle_}).value_or(Engine::Look{}).unsent : 0;
}

bool Socket::at_mark() const {
  return is_open() && engine_->look(SocketId{handle_}).value_or(Engine::Look{}).at_mark;
}

// --- Listener
// -----------------------------------------------------------------------------------------

Result<Listener> Listener::open(Stack& stack, const Endpoint& local,
                                const ListenerOptions& options) {
  const std::shared_ptr<Engine>& engine = stack.engine();
  const auto opened = engine->open(family_of(local.address));
  if (!opened) return tl::unexpected(opened.error());
  Opening opening(engine, *opened);
  const SocketId id = opening.id();
  auto done = engine->change_options(id, [&](SocketOptions& o) { o = options.socket; });
  if (done) done = engine->bind(id, local);
  if (done) done = engine->listen(id, options.backlog);
  if (done) done = engine->set_nonblocking(id, options.nonblocking);
  if (!done) return tl::unexpected(done.error());
  return Listener(engine, opening.release());
}

Result<Socket> Listener::accept() {
  if (!is_open()) return fail(EBADF);
  const auto accepted = engine_->accept(SocketId{handle_}, false);
  if (!accepted) return tl::unexpected(accepted.error());
  return Socket(engine_, accepted->value);
}

Result<void> Listener::set_backlog(int backlog) {
  if (!is_open()) return fail(EBADF);
  return engine_->listen(SocketId{handle_}, backlog);
}

}  // namespace estab
