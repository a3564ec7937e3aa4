// `estab serve`: servers on a stack of our own.
#include <fmt/format.h>

#include <cstdio>
#include <optional>

#include "cli/command.h"
#include "cli/http/server.h"
#include "cli/services.h"
#include "cli/stack_flags.h"

namespace estab::cli {
namespace {

struct ServeFlags {
  StackFlags stack;
  http::HttpOptions http;
  double keep_alive = 15;
  std::string close_first = "keep-alive";
  std::string bind;
  int backlog = 1024;
  bool no_reuse_address = false;
  std::uint16_t echo = 0, discard = 0, chargen = 0, daytime = 0;
};

constexpr const char* kAbout =
    "HTTP files, echo, discard, chargen and daytime on our own stack.\n"
    "Linux's programs reach it by the address that you give. One thread serves all connections.";

constexpr const char* kFooter =
    "Examples:\n"
    "  estab serve --http .                      then: curl http://10.77.0.2/\n"
    "  estab serve --http /srv --http-port 8080 --upload --pcap web.pcapng\n"
    "  estab serve --echo --discard --chargen=1019 --name tools\n"
    "  estab serve --http . --close-first server --tune time_wait=10 --state web.state\n"
    "  estab serve --http . --faults loss=2%,delay=20ms,jitter=5ms\n"
    "  estab serve --http . --device packet:veth1 --address fd77::2/64\n";

struct Servers {
  std::optional<http::Server> http;
  std::vector<std::unique_ptr<ServiceServer>> services;
  std::string listening;  // for people
};

void start_service(Servers& servers, Stack& stack, const ServerOptions& options, Service service,
                   std::uint16_t port, const char* name) {
  if (port == 0) return;
  servers.services.push_back(std::make_unique<ServiceServer>(stack, options, service, port));
  servers.listening += fmt::format(", {} on port {}", name, port);
}

IpAddress bind_address(const ServeFlags& flags) {
  if (flags.bind.empty()) return IpAddress::any_v6();
  const auto address = IpAddress::parse(flags.bind);
  if (!address) throw WrongUse("--bind: expected an address, not '" + flags.bind + "'");
  return *address;
}

void start(Servers& servers, Stack& stack, const ServeFlags& flags, const IpAddress& address) {
  ServerOptions options;
  options.address = address;
  options.backlog = flags.backlog;
  options.reuse_address = !flags.no_reuse_address;
  if (!flags.http.directory.empty()) {
    servers.http.emplace(stack, options, flags.http);
    servers.listening += fmt::format(", http on port {}", flags.http.port);
  }
  start_service(servers, stack, options, Service::Echo, flags.echo, "echo");
  start_service(servers, stack, options, Service::Discard, flags.discard, "discard");
  start_service(servers, stack, options, Service::Chargen, flags.chargen, "chargen");
  start_service(servers, stack, options, Service::Daytime, flags.daytime, "daytime");
}

std::string addresses_of(const StackFlags& flags) {
  if (flags.addresses.empty()) return "10.77.0.2/24";
  std::string text;
  for (const std::string& address : flags.addresses) text += (text.empty() ? "" : ", ") + address;
  return text;
}

int serve(ServeFlags flags) {
  const bool any = !flags.http.directory.empty() || flags.echo != 0 || flags.discard != 0 ||
                   flags.chargen != 0 || flags.daytime != 0;
  if (!any) throw WrongUse("nothing to serve: expected --http DIR, --echo, --discard ...");
  flags.http.keep_alive =
      std::chrono::duration_cast<Duration>(std::chrono::duration<double>(flags.keep_alive));
  if (flags.close_first == "server") flags.http.policy.close_first = http::CloseFirst::Server;
  if (flags.close_first == "client") flags.http.policy.close_first = http::CloseFirst::Client;

  // What is wrong in the arguments is said before a device is asked for.
  const IpAddress address = bind_address(flags);
  Stack stack = open_stack(flags.stack, "serve");
  Servers servers;
  start(servers, stack, flags, address);
  const SignalWatch signals(stack, [&] { stack.stop(); });
  say("serve",
      fmt::format("{} on {}{}", addresses_of(flags.stack), flags.stack.device, servers.listening));
  stack.run();
  // What is being sent is finished, then both ends know that it is over.
  if (servers.http) servers.http->stop();
  for (const auto& service : servers.services) service->stop();
  drain(stack, flags.stack, std::chrono::seconds(1));
  return kDone;
}

// --echo, --echo=1007: a service with its usual port or another.
void add_service(CLI::App* verb, const char* name, std::uint16_t& port, std::uint16_t usual,
                 const char* text) {
  verb->add_option(name, port, fmt::format("{}; port {} unless given", text, usual))
      ->expected(0, 1)
      ->default_str(std::to_string(usual))
      ->type_name("[PORT]")
      ->check(CLI::Range(1, 65535));
}

}  // namespace

void add_serve(CLI::App& app, const Chosen& chosen) {
  auto flags = std::make_shared<ServeFlags>();
  CLI::App* verb = app.add_subcommand("serve", kAbout);
  verb->footer(kFooter);
  verb->add_option("--http", flags->http.directory, "serve this directory's files")
      ->type_name("DIR");
  verb->add_option("--http-port", flags->http.port, "80 unless given")
      ->type_name("PORT")
      ->check(CLI::Range(1, 65535));
  verb->add_flag("--upload", flags->http.policy.upload,
                 "PUT stores files; otherwise it only counts bytes and hashes them");
  verb->add_option("--close-first", flags->close_first,
                   "who closes HTTP connections, and so has TIME-WAIT: server, client, or "
                   "keep-alive as HTTP says")
      ->type_name("WHO")
      ->check(CLI::IsMember({"server", "client", "keep-alive"}));
  verb->add_option("--keep-alive", flags->keep_alive,
                   "close an HTTP connection that was silent for so long; 15 unless given")
      ->type_name("SECONDS")
      ->check(CLI::Range(0.1, 86400.0));
  add_service(verb, "--echo", flags->echo, 7, "send back what comes");
  add_service(verb, "--discard", flags->discard, 9, "throw away what comes");
  add_service(verb, "--chargen", flags->chargen, 19, "send without end");
  add_service(verb, "--daytime", flags->daytime, 13, "send the time and close");
  verb->add_option("--bind", flags->bind, "listen on this address of the stack only")
      ->type_name("ADDR");
  verb->add_option("--backlog", flags->backlog, "connections that may wait to be accepted; 1024")
      ->type_name("N")
      ->check(CLI::Range(1, 65535));
  verb->add_flag("--no-reuseaddr", flags->no_reuse_address,
                 "refuse to start while connections of the port are in TIME-WAIT");
  flags->stack.add_to(*verb);
  verb->final_callback([flags, chosen] { chosen([flags] { return serve(*flags); }); });
}

}  // namespace estab::cli
