// A TCP/IP stack of one's own on a TUN device, and a greeting to whoever connects. Linux's end:
//   ip tuntap add estab0 mode tun user $USER; ip addr add 10.9.0.1/24 dev estab0; ip link set estab0 up
//   ./embed_in_30_lines tun:estab0 10.9.0.2/24 &  nc 10.9.0.2 7000
#include <cstdio>

#include "estab/estab.h"

int main(int argc, char** argv) {
  const auto address = estab::Prefix::parse(argc > 2 ? argv[2] : "10.9.0.2/24");
  auto device = estab::dev::open_device(argc > 1 ? argv[1] : "tun:estab0");
  if (!device || !address) {
    std::fprintf(stderr, "%s\n",
                 device ? "expected DEVICE ADDRESS/LENGTH" : device.error().c_str());
    return 1;
  }
  auto stack = estab::Stack::open();
  if (!stack || !stack->attach(std::move(*device), {{*address}, {}})) return 1;
  auto listener = estab::Listener::open(*stack, *estab::Endpoint::parse("7000"));
  if (!listener) return 1;
  while (auto peer = listener->accept()) {  // waits, and drives the stack meanwhile
    (void)peer->send("hello " + peer->remote().to_string() + "\n");
  }
}
