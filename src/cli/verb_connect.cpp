// `estab connect`: a netcat on a stack of our own.
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <charconv>
#include <cstring>
#include <optional>

#include "cli/acceptor.h"
#include "cli/command.h"
#include "cli/relay.h"
#include "cli/stack_flags.h"

namespace estab::cli {
namespace {

struct ConnectFlags {
  StackFlags stack;
  std::vector<std::string> words;
  RelayOptions relay;
  bool listen = false, scan = false, verbose = false, reuse_address = false;
  std::optional<double> linger;
  std::uint16_t source_port = 0;
  std::string source;
  double timeout = 0;
};

constexpr const char* kAbout =
    "netcat on our own stack.\n"
    "Standard input goes to the peer, what the peer sends to standard output. Exit status: 0 when\n"
    "both ends are through, 1 when it could not connect or was reset.";

constexpr const char* kFooter =
    "Examples:\n"
    "  estab connect 10.77.0.1 80 -N < request.txt\n"
    "  estab connect -l 4000 > received.bin\n"
    "  estab connect -z 10.77.0.1 20-25\n"
    "  estab connect 10.77.0.1 7 --linger 0          (ends with a reset)\n"
    "  estab connect 10.77.0.1 80 --source-port 5555 --reuseaddr\n"
    "  echo hello | estab connect 10.77.0.1 7 -N --trace\n";

struct PortRange {
  std::uint16_t first;
  std::uint16_t last;
};

PortRange parse_ports(const std::string& text) {
  const auto number = [&](std::string_view part) {
    std::uint16_t port = 0;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), port);
    if (error != std::errc{} || end != part.data() + part.size() || port == 0) {
      throw WrongUse("expected a port, 1 to 65535, not '" + text + "'");
    }
    return port;
  };
  const std::size_t dash = text.find('-');
  const std::uint16_t first = number(std::string_view(text).substr(0, dash));
  return {first, dash == text.npos ? first : number(std::string_view(text).substr(dash + 1))};
}

// Names are Linux's to resolve: the stack has no DNS.
IpAddress resolve(const std::string& host) {
  if (const auto address = IpAddress::parse(host)) return *address;
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error = ::getaddrinfo(host.c_str(), nullptr, &hints, &found);
  if (error != 0) throw Failure(fmt::format("{}: {}", host, ::gai_strerror(error)));
  IpAddress address;
  if (found->ai_family == AF_INET) {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(found->ai_addr);
    address = IpAddress::v4(ntohl(v4->sin_addr.s_addr));
  } else {
    std::array<std::uint8_t, 16> bytes;
    const auto* v6 = reinterpret_cast<const sockaddr_in6*>(found->ai_addr);
    std::memcpy(bytes.data(), v6->sin6_addr.s6_addr, bytes.size());
    address = IpAddress::v6(bytes);
  }
  ::freeaddrinfo(found);
  return address;
}

std::string why(const Stack& stack, const Endpoint& remote, int error) {
  std::string text = fmt::format("{}: {}", remote.to_string(),
                                 std::error_code(error, std::generic_category()).message());
  if (error == EADDRNOTAVAIL && !stack.port_shortage().empty()) {
    text += " (" + stack.port_shortage() + ")";
  }
  return text;
}

ConnectOptions connect_options(const ConnectFlags& flags) {
  ConnectOptions options;
  options.nonblocking = true;
  if (flags.source_port != 0 || !flags.source.empty()) {
    IpAddress address;
    if (!flags.source.empty()) address = resolve(flags.source);
    options.local = Endpoint{address, {flags.source_port}};
  }
  options.socket.reuse_address = flags.reuse_address;
  if (flags.linger) {
    options.socket.linger = *flags.linger == 0;  // the wait is drain()'s: nothing may block here
  }
  return options;
}

Duration seconds(double s) {
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(s));
}

// Connects while driving the stack, and says how it ended: 0 or an errno.
int connect_now(Stack& stack, Socket& socket, const Endpoint& remote, const ConnectFlags& flags,
                bool& interrupted) {
  ConnectOptions options = connect_options(flags);
  if (options.local && options.local->address.is_any()) {
    options.local->address = remote.address.is_v4() ? IpAddress::any_v4() : IpAddress::any_v6();
  }
  auto opened = Socket::connect(stack, remote, options);
  if (!opened) return opened.error().value();
  socket = std::move(*opened);
  int result = EINPROGRESS;
  const auto watched = socket.on_ready(kConnected | kError | kHangup, [&](Readiness) {
    const auto outcome = socket.finish_connect();
    result = outcome ? 0 : outcome.error().value();
    if (result != EINPROGRESS) stack.stop();
  });
  if (!watched) return watched.error().value();
  Stack::TimerNumber timer = 0;
  if (flags.timeout > 0) {
    timer = stack.call_at(stack.now() + seconds(flags.timeout), [&] {
      result = ETIMEDOUT;
      stack.stop();
    });
  }
  while (result == EINPROGRESS && !interrupted) stack.run();
  if (timer != 0) stack.cancel(timer);
  (void)socket.on_ready(0, nullptr);
  return interrupted ? EINTR : result;
}

int relay_until_done(Stack& stack, Socket socket, const ConnectFlags& flags,
                     const bool& interrupted) {
  const Endpoint remote = socket.remote();
  std::optional<int> ended;
  Relay relay(stack, std::move(socket), flags.relay, [&](int error) {
    ended = error;
    stack.stop();
  });
  while (!ended && !interrupted) stack.run();
  relay.socket().close();
  if (ended.value_or(0) == 0) return kDone;
  say("connect", why(stack, remote, *ended));
  return kFailed;
}

int scan(Stack& stack, const ConnectFlags& flags, const IpAddress& host, PortRange ports,
         bool& interrupted) {
  bool all_open = true;
  for (unsigned port = ports.first; port <= ports.last && !interrupted; ++port) {
    Socket socket;
    const Endpoint remote{host, {static_cast<std::uint16_t>(port)}};
    const int error = connect_now(stack, socket, remote, flags, interrupted);
    if (error == 0) fmt::print("{} is open\n", remote.to_string());
    if (error != 0) say("connect", why(stack, remote, error));
    all_open = all_open && error == 0;
  }
  return all_open ? kDone : kFailed;
}

int listen_and_relay(Stack& stack, const ConnectFlags& flags, std::uint16_t port,
                     const bool& interrupted) {
  ServerOptions options;
  if (!flags.source.empty()) options.address = resolve(flags.source);
  options.backlog = 1;
  std::optional<Socket> peer;
  std::optional<Acceptor> acceptor;
  acceptor.emplace(stack, options, port, [&](Socket socket) {
    if (peer) return;  // one is enough: the others are closed
    peer = std::move(socket);
    stack.stop();
  });
  if (flags.verbose) say("connect", fmt::format("listening on port {}", port));
  while (!peer && !interrupted) stack.run();
  acceptor.reset();
  if (!peer) return kDone;
  if (flags.verbose) say("connect", "connection from " + peer->remote().to_string());
  return relay_until_done(stack, std::move(*peer), flags, interrupted);
}

int connect(const ConnectFlags& flags) {
  const std::size_t expected = flags.listen ? 1 : 2;
  if (flags.words.size() != expected) {
    throw WrongUse(flags.listen ? "expected -l PORT" : "expected HOST PORT");
  }
  const PortRange ports = parse_ports(flags.words.back());
  if (ports.last < ports.first || (!flags.scan && ports.last != ports.first)) {
    throw WrongUse("expected one port (with -z: FIRST-LAST), not '" + flags.words.back() + "'");
  }
  const IpAddress host = flags.listen ? IpAddress() : resolve(flags.words.front());
  Stack stack = open_stack(flags.stack, "connect");
  bool interrupted = false;
  const SignalWatch signals(stack, [&] {
    interrupted = true;
    stack.stop();
  });
  int code = kDone;
  if (flags.listen) {
    code = listen_and_relay(stack, flags, ports.first, interrupted);
  } else if (flags.scan) {
    code = scan(stack, flags, host, ports, interrupted);
  } else {
    Socket socket;
    const Endpoint remote{host, {ports.first}};
    const int error = connect_now(stack, socket, remote, flags, interrupted);
    if (error == EINTR) return kDone;
    if (error != 0) throw Failure(why(stack, remote, error));
    if (flags.verbose) say("connect", "connected to " + remote.to_string());
    code = relay_until_done(stack, std::move(socket), flags, interrupted);
  }
  drain(stack, flags.stack, flags.linger ? seconds(*flags.linger) : std::chrono::seconds(2));
  return code;
}

}  // namespace

void add_connect(CLI::App& app, const Chosen& chosen) {
  auto flags = std::make_shared<ConnectFlags>();
  CLI::App* verb = app.add_subcommand("connect", kAbout);
  verb->footer(kFooter);
  verb->add_option("HOST PORT", flags->words, "whom to call; with -l only the PORT")
      ->required()
      ->type_name("");
  verb->add_flag("-l,--listen", flags->listen, "wait for one connection instead");
  verb->add_flag("-N,--half-close", flags->relay.half_close,
                 "at the end of the input send FIN, and go on receiving");
  verb->add_flag("-d,--no-input", flags->relay.no_input, "do not read standard input");
  verb->add_flag("-z,--scan", flags->scan, "only see whether the port (or FIRST-LAST) is open");
  verb->add_flag("-v,--verbose", flags->verbose, "say what happens");
  verb->add_option("-w,--timeout", flags->timeout, "give up connecting after that")
      ->type_name("SECONDS")
      ->check(CLI::Range(0.001, 86400.0));
  verb->add_option("--linger", flags->linger,
                   "at the end wait so long for the peer's acknowledgement; 0: reset")
      ->type_name("SECONDS")
      ->check(CLI::Range(0.0, 86400.0));
  verb->add_option("-p,--source-port", flags->source_port, "our port; else one is chosen")
      ->type_name("PORT")
      ->check(CLI::Range(1, 65535));
  verb->add_option("-s,--source", flags->source, "our address, of the stack's several")
      ->type_name("ADDR");
  verb->add_flag("--reuseaddr", flags->reuse_address,
                 "take the source port although it has connections in TIME-WAIT");
  flags->stack.add_to(*verb);
  verb->final_callback([flags, chosen] { chosen([flags] { return connect(*flags); }); });
}

}  // namespace estab::cli
