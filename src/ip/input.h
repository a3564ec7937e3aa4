// Frames on their way in: link, IP, martians, fragments, then TCP's segments and ICMP's errors to
// the caller. What ends here is counted or answered.
#pragma once
#include "ip/arrival.h"
#include "ip/icmp_answers.h"
#include "ip/interfaces.h"
#include "ip/output.h"
#include "ip/reassembly.h"
#include "ip/routes.h"
#include "wire/headers.h"

namespace estab::ip {

class Input {
 public:
  Input(const Tuning& tuning, Counters& counters, const RouteTable& routes, Interfaces& interfaces,
        Output& output, IcmpAnswers& answers)
      : tuning_(tuning),
        counters_(counters),
        routes_(routes),
        interfaces_(interfaces),
        output_(output),
        answers_(answers),
        reassembler_(tuning, counters) {}

  void receive_frame(Interface& interface, const ReceivedFrame& frame, Instant now, Received& out);
  void receive_packet(const Arrival& arrival, Instant now, Received& out);

  Instant deadline() const { return reassembler_.deadline(); }
  void on_time(Instant now);
  std::size_t reassembly_memory() const { return reassembler_.memory(); }

 private:
  bool is_refused(const Arrival& arrival, const wire::IpPacket& packet);
  bool is_for_us(const Arrival& arrival, const wire::IpPacket& packet);
  void refuse_unparsed(const Arrival& arrival, Counter why, Instant now);
  void receive_fragment(const Arrival& arrival, const wire::IpPacket& packet, Instant now,
                        Received& out);
  void deliver(const Arrival& arrival, const wire::IpPacket& packet, Instant now, Received& out);
  void deliver_segment(const Arrival& arrival, const wire::IpPacket& packet, Received& out);
  void receive_icmp(const Arrival& arrival, const wire::IpPacket& packet, Instant now,
                    Received& out);
  void receive_icmp_error(const wire::IpPacket& packet, const wire::IcmpMessage& message,
                          Received& out);

  const Tuning& tuning_;
  Counters& counters_;
  const RouteTable& routes_;
  Interfaces& interfaces_;
  Output& output_;
  IcmpAnswers& answers_;
  Reassembler reassembler_;
};

}  // namespace estab::ip
