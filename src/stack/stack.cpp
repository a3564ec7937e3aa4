#include "stack/stack.h"

#include "stack/impl.h"

namespace estab::stack {

std::size_t memory_size(std::size_t records) { return Memory::bytes_for(records); }

Stack::Stack(Config config) : impl_(std::make_unique<Impl>(std::move(config))) {}
Stack::~Stack() = default;

ip::InterfaceId Stack::attach(Device& device, const InterfaceConfig& config) {
  return impl_->attach(device, config);
}
void Stack::detach(ip::InterfaceId id, Instant now) { impl_->detach(id, now); }
ip::IpLayer& Stack::ip() { return impl_->ip(); }
const std::string& Stack::memory_note() const { return impl_->memory_note(); }

std::optional<Instant> Stack::poll(Instant now) { return impl_->poll(now); }
std::vector<Notice> Stack::take_notices() { return impl_->take_notices(); }

Result<BindingId> Stack::bind(const Endpoint& local, const BindOptions& options) {
  return impl_->bind(local, options);
}
void Stack::unbind(BindingId id) { impl_->unbind(id); }
std::optional<Endpoint> Stack::bound_to(BindingId id) const { return impl_->bound_to(id); }
Result<ListenerId> Stack::listen(BindingId id, const ListenOptions& options,
                                 const tcp::Settings& settings, Instant now) {
  return impl_->listen(id, options, settings, now);
}
Result<void> Stack::set_backlog(ListenerId id, int backlog) {
  return impl_->set_backlog(id, backlog);
}
void Stack::set_listener_settings(ListenerId id, const tcp::Settings& settings,
                                  const ListenOptions& options) {
  impl_->set_listener_settings(id, settings, options);
}
Result<Accepted> Stack::accept(ListenerId id, Instant now) { return impl_->accept(id, now); }
void Stack::close(ListenerId id, Instant now) { impl_->close(id, now); }

Result<ConnectionId> Stack::connect(std::optional<BindingId> binding, const Endpoint& remote,
                                    const tcp::Settings& settings, Instant now) {
  return impl_->connect(binding, remote, settings, now);
}
const std::optional<PortShortage>& Stack::port_shortage() const { return impl_->port_shortage(); }
Result<std::size_t> Stack::send(ConnectionId id, Bytes bytes, bool urgent, bool more, Instant now) {
  return impl_->send(id, bytes, urgent, more, now);
}
Result<tcp::Readout> Stack::receive(ConnectionId id, MutableBytes to, bool peek, Instant now) {
  return impl_->receive(id, to, peek, now);
}
Result<std::uint8_t> Stack::receive_urgent(ConnectionId id, bool peek, Instant now) {
  return impl_->receive_urgent(id, peek, now);
}
Result<void> Stack::shutdown(ConnectionId id, bool read, bool write, Instant now) {
  return impl_->shutdown(id, read, write, now);
}
void Stack::close(ConnectionId id, bool reset, Instant now) { impl_->close(id, reset, now); }
void Stack::abort(ConnectionId id, Instant now) { impl_->abort(id, now); }
int Stack::take_error(ConnectionId id) { return impl_->take_error(id); }
Result<void> Stack::set_settings(ConnectionId id, const tcp::Settings& settings, Instant now) {
  return impl_->set_settings(id, settings, now);
}
void Stack::push_out(ConnectionId id, Instant now) { impl_->push_out(id, now); }
void Stack::end_record(ConnectionId id) { impl_->end_record(id); }
const tcp::Connection* Stack::connection(ConnectionId id) const { return impl_->connection(id); }
tcp::Readiness Stack::readiness(ConnectionId id) const { return impl_->readiness(id); }
tcp::Readiness Stack::readiness(ListenerId id) const { return impl_->readiness(id); }

std::uint64_t Stack::visit(std::uint64_t cursor, std::size_t limit, Instant now,
                           const std::function<void(const tcp::Info&)>& see) const {
  return impl_->visit(cursor, limit, now, see);
}
Stack::Totals Stack::totals() const { return impl_->totals(); }
const Counters& Stack::counters() const { return impl_->counters(); }
const Tuning& Stack::tuning() const { return impl_->tuning(); }
tl::expected<void, std::string> Stack::set_tuning(std::string_view name, std::string_view value) {
  return impl_->set_tuning(name, value);
}
Stack::EventRead Stack::events_since(std::uint64_t since, std::size_t limit) const {
  return impl_->events_since(since, limit);
}
Result<void> Stack::end(const FourTuple& tuple, std::uint64_t id, End how, Instant now) {
  return impl_->end(tuple, id, how, now);
}

}  // namespace estab::stack
