// One connection of a script: its numbers as the script writes them and as they are on the wire.
//
// Sequence numbers of packets with SYN are absolute; the others count from the two initial ones.
// The script chooses the remote side's; the stack chooses its own, which stands for whatever the
// script's SYN or SYN,ACK has. Likewise the stack's timestamps stand for the script's.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <tl/expected.hpp>

#include "lab/script/packet.h"

namespace estab::lab {

class Conversation {
 public:
  enum class Stage : std::uint8_t {
    kNew,
    kListening,
    kPacketReceived,  // the first packet came in, to a listener or to nobody
    kSynAckSent,
    kSynAckAcked,
    kConnecting,  // connect() was called
    kSynSent,
    kSynAcked,
  };

  Stage stage = Stage::kNew;
  int script_fd = -1;
  int live_fd = -1;  // -1: not accepted yet
  bool closed = false;
  Endpoint local;  // on the wire
  Endpoint remote;
  std::uint32_t script_local_isn = 0;
  std::uint32_t live_local_isn = 0;
  std::uint32_t remote_isn = 0;

  // Addresses, ports and numbers as on the wire. `scaled_echo`: a timestamp's echo that was never
  // seen is put in proportion; otherwise it is an error.
  tl::expected<Packet, std::string> to_live(Packet packet, bool scaled_echo) const;
  // Numbers as in the script; to be called in the packets' order.
  Packet to_script(Packet packet) const;
  // Learns the stack's timestamp that stands for the script's, and rewrites `actual`'s value and
  // echo by what was learnt.
  void map_timestamps(const TcpSpec& expected, TcpFields& actual);
  // What is wrong with the packet's flow label: nothing when ""; learns the first one.
  std::string check_flow_label(std::uint32_t expected, std::uint32_t actual);

  bool sent(const Packet& packet) const;  // from here to there
  // An ICMP message between the two addresses.
  bool concerns(const Packet& packet) const;

 private:
  std::map<std::uint32_t, std::uint32_t> live_timestamp_;  // by the script's
  struct Pair {
    std::uint32_t script = 0;
    std::uint32_t live = 0;
  };
  std::optional<Pair> first_timestamp_;
  std::optional<Pair> flow_label_;
};

}  // namespace estab::lab
