#include "cli/stack_flags.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <sstream>

#include "base/siphash.h"
#include "cli/command.h"
#include "estab/devices.h"

namespace estab::cli {
namespace {

Prefix parse_prefix(const std::string& option, const std::string& text) {
  const auto prefix = Prefix::parse(text);
  if (!prefix) {
    throw WrongUse(fmt::format(
        "{}: expected an address with its network's length, such as 10.77.0.2/24, not '{}'", option,
        text));
  }
  return *prefix;
}

IpAddress parse_address(const std::string& option, const std::string& text) {
  const auto address = IpAddress::parse(text);
  if (!address) {
    throw WrongUse(
        fmt::format("{}: expected an address, such as 10.77.0.1, not '{}'", option, text));
  }
  return *address;
}

// "10.0.0.0/8" is on the link; "10.0.0.0/8=10.77.0.1" by way of that address.
InterfaceOptions::Route parse_route(const std::string& text) {
  const std::size_t at = text.find('=');
  InterfaceOptions::Route route{parse_prefix("--route", text.substr(0, at)), std::nullopt};
  if (at != text.npos) route.gateway = parse_address("--route", text.substr(at + 1));
  return route;
}

InterfaceOptions interface_options(const StackFlags& flags) {
  InterfaceOptions options;
  for (const std::string& text : flags.addresses) {
    options.addresses.push_back(parse_prefix("--address", text));
  }
  for (const std::string& text : flags.routes) options.routes.push_back(parse_route(text));
  if (!flags.gateway.empty()) {
    const IpAddress gateway = parse_address("--gateway", flags.gateway);
    const IpAddress any = gateway.is_v4() ? IpAddress::any_v4() : IpAddress::any_v6();
    options.routes.push_back({Prefix{any, 0}, gateway});
  }
  return options;
}

Tuning tuning_of(const StackFlags& flags) {
  Tuning tuning;
  if (!flags.tuning_file.empty()) {
    std::ifstream file(flags.tuning_file);
    std::stringstream text;
    text << file.rdbuf();
    if (!file) throw Failure("cannot read the tuning file " + flags.tuning_file);
    const auto loaded = load_knobs(tuning, text.str());
    if (!loaded) throw WrongUse("--tuning-file " + flags.tuning_file + ": " + loaded.error());
  }
  tune(tuning, flags.tune);
  return tuning;
}

std::string after_colon(const std::string& device) { return device.substr(device.find(':') + 1); }

void configure_linux_side(const StackFlags& flags) {
  dev::InterfaceSettings settings;
  for (const std::string& text : flags.host_addresses) {
    settings.addresses.push_back(parse_prefix("--host-address", text));
  }
  const bool wire = flags.device.starts_with("packet:");
  if (wire && !settings.addresses.empty()) {
    throw WrongUse(
        "--host-address: a packet device has Linux's addresses on its other end; set them there");
  }
  if (wire) return;
  const auto configured = dev::configure_interface(after_colon(flags.device), settings);
  if (configured) return;
  // Without a wish an interface that root has set up beforehand is as it should be.
  if (!settings.addresses.empty()) throw Failure(configured.error());
}

// The same for the same device and address, so that neighbours find a restarted stack again.
MacAddress station_address(const StackFlags& flags) {
  if (!flags.mac.empty()) {
    const auto mac = MacAddress::parse(flags.mac);
    if (!mac || (mac->bytes[0] & 1) != 0) {
      throw WrongUse("--mac: expected a station's address such as 02:00:00:00:00:02, not '" +
                     flags.mac + "'");
    }
    return *mac;
  }
  std::string text = flags.device;
  for (const std::string& address : flags.addresses) text += "|" + address;
  const std::uint64_t hash =
      siphash(SipKey{}, {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
  MacAddress mac;
  for (std::size_t i = 0; i < 6; ++i) mac.bytes[i] = static_cast<std::uint8_t>(hash >> (8 * i));
  mac.bytes[0] = static_cast<std::uint8_t>((mac.bytes[0] & 0xfc) | 0x02);  // local, unicast
  return mac;
}

void trace_line(Instant now, dev::Direction, std::string_view line) {
  const double seconds = static_cast<double>(now.time_since_epoch().count()) / 1e9;
  fmt::print(stderr, "{:.6f} {}\n", seconds, line);
}

std::unique_ptr<Device> open_device(const StackFlags& flags) {
  dev::FaultSpec faults;
  if (!flags.faults.empty()) {
    auto parsed = dev::parse_faults(flags.faults);
    if (!parsed) throw WrongUse("--faults: " + parsed.error());
    faults = *parsed;
  }
  dev::DeviceSettings settings;
  if (flags.mtu != 0) settings.mtu = flags.mtu;
  settings.mac = station_address(flags);
  auto device = dev::open_device(flags.device, settings);
  if (!device) throw Failure(device.error());
  configure_linux_side(flags);
  if (!flags.faults.empty()) *device = dev::with_faults(std::move(*device), faults);
  if (!flags.pcap.empty()) {
    device = dev::with_pcap(std::move(*device), flags.pcap);
    if (!device) throw Failure(device.error());
  }
  if (flags.trace) *device = dev::with_trace(std::move(*device), trace_line);
  return std::move(*device);
}

}  // namespace

void tune(Tuning& tuning, const std::vector<std::string>& items) {
  for (const std::string& item : items) {
    const std::size_t at = item.find('=');
    if (at == item.npos) throw WrongUse("--tune: expected NAME=VALUE, not '" + item + "'");
    const auto set = set_knob(tuning, item.substr(0, at), item.substr(at + 1));
    if (!set) throw WrongUse("--tune: " + set.error());
  }
}

void StackFlags::add_to(CLI::App& verb) {
  const std::string group = "The stack";
  const auto option = [&](const char* flag, auto& target, const char* text, const char* type) {
    return verb.add_option(flag, target, text)->type_name(type)->group(group);
  };
  option("--device", device, "tun:NAME, tap:NAME or packet:INTERFACE; tun:estab0 unless given",
         "SPEC");
  option("--address", addresses, "the stack's address, 10.77.0.2/24 unless given; repeatable",
         "CIDR");
  option("--host-address", host_addresses,
         "Linux's address on a tun or tap device, set for you; 10.77.0.1/24 if --address is not "
         "given",
         "CIDR");
  option("--gateway", gateway, "send what is not for our own network to this address", "ADDR");
  option("--route", routes, "a further network, on the link or =ADDR behind a gateway; repeatable",
         "CIDR[=ADDR]");
  option("--mac", mac, "our address on tap and packet devices; else one made of their names",
         "MAC");
  option("--mtu", mtu, "largest IP packet, bytes", "BYTES")->check(CLI::Range(576, 65535));
  option("--tune", tune, "set a knob of `estab tuning`; repeatable", "NAME=VALUE");
  option("--tuning-file", tuning_file, "lines of NAME = VALUE", "FILE");
  option("--state", state_file, "keep TIME-WAIT and the ISN key here, over restarts and kill -9",
         "FILE");
  option("--name", name, "the stack's name for the other verbs' --stack", "NAME");
  option("--pcap", pcap, "write all packets to this pcapng file", "FILE");
  option("--faults", faults,
         "a bad link, both ways: loss=2%,delay=20ms,jitter=5ms,reorder=5%,duplicate=1%, "
         "corrupt=0.1%,rate=10mbit,seed=7",
         "SPEC");
  verb.add_flag("--trace", trace, "print each packet to stderr")->group(group);
}

Stack open_stack(const StackFlags& given, const std::string& verb) {
  StackFlags flags = given;
  if (flags.addresses.empty()) {
    if (!flags.device.starts_with("tun:") && !flags.device.starts_with("tap:")) {
      throw WrongUse("--address: expected the stack's address, such as 10.77.0.2/24");
    }
    flags.addresses = {"10.77.0.2/24"};
    if (flags.host_addresses.empty()) flags.host_addresses = {"10.77.0.1/24"};
  }
  const InterfaceOptions interface = interface_options(flags);
  StackOptions options;
  options.tuning = tuning_of(flags);
  options.state_file = flags.state_file;
  options.name = flags.name.empty() ? verb : flags.name;
  auto device = open_device(flags);
  auto stack = Stack::open(options);
  if (!stack) throw Failure(stack.error());
  for (const std::string& note : stack->notes()) say(verb, note);
  if (const auto attached = stack->attach(std::move(device), interface); !attached) {
    throw Failure("cannot use these addresses and routes: " + attached.error().message());
  }
  return std::move(*stack);
}

SignalWatch::SignalWatch(Stack& stack, std::function<void()> stop) : stack_(stack) {
  (void)::signal(SIGPIPE, SIG_IGN);
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  ::sigprocmask(SIG_BLOCK, &signals, nullptr);
  fd_ = ::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
  if (fd_ < 0) throw Failure("cannot watch signals");
  stack_.watch(fd_, EPOLLIN, [this, stop = std::move(stop)](std::uint32_t) {
    signalfd_siginfo info;
    if (::read(fd_, &info, sizeof info) != sizeof info) return;
    if (asked_) ::_exit(kDone);
    asked_ = true;
    stop();
  });
}

SignalWatch::~SignalWatch() {
  stack_.unwatch(fd_);
  ::close(fd_);
}

void drain(Stack& stack, const StackFlags& flags, Duration patience) {
  // What a faulty line still holds when the last connection is over is on its way: the last ACK.
  const auto faults = dev::parse_faults(flags.faults);
  const Duration held =
      flags.faults.empty() || !faults ? Duration{0} : faults->out.delay + faults->out.jitter;
  const Instant end = stack.now() + patience;
  const auto live = [&] {
    const StackTotals totals = stack.totals();
    return totals.connections != 0;
  };
  bool over = false;
  const auto timer = stack.call_at(end, [&] {
    over = true;
    stack.stop();
  });
  std::function<void()> look = [&] {
    if (over) return;
    if (!live()) {
      stack.call_at(stack.now() + held, [&] { stack.stop(); });
      return;
    }
    stack.call_at(stack.now() + std::chrono::milliseconds(5), look);
  };
  look();
  if (!over && (live() || held > Duration{0})) stack.run();
  stack.cancel(timer);
}

}  // namespace estab::cli
