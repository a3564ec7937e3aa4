// What this host says by ICMP: echo replies, and errors about packets it cannot take. Errors are
// limited for each remote prefix and for the whole stack, with jitter, so that their rate tells
// nobody about others' traffic (SAD DNS, CVE-2020-25705).
#pragma once
#include "base/prefix_limiter.h"
#include "base/random.h"
#include "base/token_bucket.h"
#include "ip/arrival.h"
#include "ip/output.h"
#include "ip/routes.h"
#include "wire/headers.h"
#include "wire/ip.h"

namespace estab::ip {

class IcmpAnswers {
 public:
  IcmpAnswers(const Tuning& tuning, Counters& counters, Random& random, const RouteTable& routes,
              Output& output, SipKey secret)
      : tuning_(tuning),
        counters_(counters),
        random_(random),
        routes_(routes),
        output_(output),
        errors_(secret) {}

  // `packet` is an echo request, `message` its content. Pings of the whole stack share
  // icmp_ratelimit; no prefix has a limit of its own, since a reply is no larger than its request.
  void echo(const Arrival& arrival, const wire::IpPacket& packet, const wire::IcmpMessage& message,
            Instant now);
  // No upper layer here speaks its protocol (RFC 1122 3.2.2.1, RFC 4443 3.1, 3.4).
  void unknown_protocol(const Arrival& arrival, const wire::IpPacket& packet, Instant now);
  // ICMPv6's type 4, about a packet that parsing refused or could not use.
  void parameter_problem(const wire::IpPacket& packet, Bytes bytes, bool link_group,
                         InterfaceId interface, const wire::Ip6Problem& problem, Instant now);
  // The rest of a packet, of which this is the beginning, did not come (RFC 792, RFC 8200 4.5).
  void reassembly_timed_out(Bytes first_fragment, bool link_group, Instant now);

 private:
  struct Error {
    std::uint8_t type = 0;
    std::uint8_t code = 0;
    std::uint32_t rest = 0;
    bool even_to_group = false;
  };
  void send_error(const wire::IpPacket& packet, Bytes bytes, bool link_group,
                  std::optional<InterfaceId> interface, const Error& error, Instant now);
  bool is_within_limits(const IpAddress& remote, Instant now);

  const Tuning& tuning_;
  Counters& counters_;
  Random& random_;
  const RouteTable& routes_;
  Output& output_;
  PrefixLimiter errors_;
  TokenBucket echoes_;
};

}  // namespace estab::ip
