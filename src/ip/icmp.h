// What ICMP errors mean, which packet they quote, and when one may be sent: RFC 792, 1122 3.2.2,
// 4443, 5461, 5927.
#pragma once
#include <optional>

#include "ip/received.h"
#include "ip/routes.h"
#include "wire/headers.h"

namespace estab::ip {

struct IcmpMeaning {
  IcmpErrorKind kind = IcmpErrorKind::kSoftUnreachable;
  int error = 0;  // errno, as Linux's icmp_err_convert[] and icmpv6_err_convert() have it
};
// Nothing for messages that are no errors, for source quench (MUST-55) and for unknown codes.
std::optional<IcmpMeaning> icmp_meaning(const wire::IcmpMessage& message);

// The counter of this type's arrivals; nothing for types that have none.
std::optional<Counter> icmp_counter(const wire::IcmpMessage& message);

// The TCP segment of ours that `message` quotes, as an error for it. Fails with IcmpInErrors (too
// little quoted) or EstabIcmpNoConnection (nothing of ours).
wire::Parsed<IcmpError> quoted_segment(const wire::IcmpMessage& message, const IcmpMeaning& meaning,
                                       const RouteTable& routes);

// What has to be known of an IPv6 packet that parse_ip() refused for its extension headers, to
// answer it: addresses, fragment offset, upper protocol and payload where the chain leads to one.
// Nothing is checked that parse_ip() checked before; nothing comes back when there is no IPv6
// header.
std::optional<wire::IpPacket> outline_of_refused(Bytes bytes);

// Whether an error may answer `packet` (RFC 1122 3.2.2, RFC 4443 2.4 (e)): not one to a group or in
// a frame to a group, not a fragment but the first, not an ICMP error, not from what is no single
// host. `even_to_group`: RFC 4443's exception for some parameter problems.
bool may_answer(const wire::IpPacket& packet, bool link_group, bool even_to_group,
                const RouteTable& routes);

}  // namespace estab::ip
