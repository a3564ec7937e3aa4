#include "lab/script/packet.h"

#include <gtest/gtest.h>

#include "lab/script/conversation.h"
#include "lab/script/packet_compare.h"
#include "lab/script/parser.h"
#include "wire/wire.h"

namespace estab::lab {
namespace {

PacketSpec spec_of(const std::string& text) {
  const auto script = parse_script("0 " + text);
  EXPECT_TRUE(script.has_value()) << text << ": " << (script ? "" : script.error().what());
  return std::get<PacketSpec>(script->events.at(0).what);
}

Packet made(const std::string& text, bool v6 = false) {
  Packet packet = *packet_of(spec_of(text), v6);
  packet.source = v6 ? *IpAddress::parse("fd00::1") : IpAddress::v4(10, 0, 0, 1);
  packet.destination = v6 ? *IpAddress::parse("fd00::2") : IpAddress::v4(10, 0, 0, 2);
  if (TcpFields* tcp = packet.tcp()) {
    tcp->source = Port{1000};
    tcp->destination = Port{2000};
  }
  return packet;
}

std::vector<std::string> differing(const std::string& expected, const std::string& actual) {
  return differences(spec_of(expected), made(actual), false, {});
}

TEST(Packet, bytes_and_back_are_the_same) {
  for (const bool v6 : {false, true}) {
    for (const char* text : {
             "S 0:0(0) win 65535 <mss 1460,sackOK,TS val 100 ecr 0,nop,wscale 7>",
             "P. 1:101(100) ack 5 win 257 <nop,nop,sack 7:9 1:3>",
             "[ect0] FPUEWA. 1:1(0) ack 5 win 0 urg 9",
             "S 0:0(0) win 1 <FO a1b2c3d4,nop,nop>",
             "S 0:0(0) win 1 <FOEXP,nop,nop,nop,nop>",
             "[ce] . 1:1(0) ack 1 win 1 <ECN e0b 1 ceb 2 e1b 3,nop>",
             "R 1:1(0) win 0 <nop,eol,eol,eol>",
         }) {
      const Packet packet = made(std::string("< ") + text, v6);
      const auto bytes = bytes_of(packet);
      const auto back = parse_packet_bytes(Bytes(bytes));
      ASSERT_TRUE(back.has_value()) << text << ": " << back.error();
      EXPECT_EQ(text_of(*back), text_of(packet)) << text;
      EXPECT_EQ(bytes_of(*back), bytes) << text;
    }
  }
}

TEST(Packet, text_is_what_the_script_has) {
  EXPECT_EQ(text_of(made("< [ect0] P. 1:101(100) ack 5 win 257 <nop,nop,TS val 1 ecr 2>")),
            "[ect0] P. 1:101(100) ack 5 win 257 <nop,nop,TS val 1 ecr 2>");
  EXPECT_EQ(text_of(made("< icmp unreachable frag_needed mtu 1200 [1:1461(1460)]")),
            "icmp unreachable frag_needed [1:1461(1460)]");
}

TEST(Packet, what_the_wire_parser_takes_is_what_was_meant) {
  const auto bytes = bytes_of(made("< P. 1:101(100) ack 5 win 257 <mss 1000>"));
  const auto ip = wire::parse_ip(Bytes(bytes));
  ASSERT_TRUE(ip.has_value());
  const auto segment = wire::parse_tcp(*ip, Buffer::copy_of(ip->payload), false);
  ASSERT_TRUE(segment.has_value());
  EXPECT_EQ(segment->seq.value, 1u);
  EXPECT_EQ(segment->window, 257);
  EXPECT_EQ(segment->payload.size(), 100u);
}

TEST(Packet, a_wrong_checksum_is_found) {
  auto bytes = bytes_of(made("< P. 1:101(100) ack 5 win 257"));
  bytes.back() ^= 1;
  EXPECT_EQ(parse_packet_bytes(Bytes(bytes)).error(), "bad outbound TCP checksum");
}

TEST(Packet, an_icmp_error_quotes_the_connection) {
  Conversation conversation;
  conversation.local = {IpAddress::v4(10, 0, 0, 2), Port{80}};
  conversation.remote = {IpAddress::v4(10, 0, 0, 1), Port{4000}};
  conversation.live_local_isn = 5000;
  const auto packet = conversation.to_live(
      *packet_of(spec_of("< icmp unreachable port_unreachable [1:101(100)]"), false), false);
  ASSERT_TRUE(packet.has_value());
  const auto bytes = bytes_of(*packet);
  const auto ip = wire::parse_ip(Bytes(bytes));
  ASSERT_TRUE(ip.has_value());
  const auto icmp = wire::parse_icmp(*ip);
  ASSERT_TRUE(icmp.has_value());
  EXPECT_EQ(icmp->type, 3);
  EXPECT_EQ(icmp->code, 3);
  const auto quoted = wire::parse_quoted_ip(icmp->body);
  ASSERT_TRUE(quoted.has_value());
  EXPECT_EQ(quoted->source, conversation.local.address);
  EXPECT_EQ(wire::parse_quoted_tcp(quoted->payload)->seq.value, 5001u);
}

TEST(PacketCompare, nothing_differs_when_it_is_as_written) {
  const std::string packet = "> P. 1:101(100) ack 5 win 257 <nop,nop,TS val 1 ecr 2>";
  EXPECT_TRUE(differing(packet, packet).empty());
  EXPECT_TRUE(differing("> . 1:1(0) ack 5", "> . 1:1(0) ack 5 win 77").empty());
  EXPECT_TRUE(differing("> S 0:0(0) <...>", "> S 0:0(0) <mss 1460>").empty());
  EXPECT_TRUE(differing("> [ect01] . 1:1(0)", "> [ect1] . 1:1(0)").empty());
  EXPECT_TRUE(differing("> P.5 1:1(0)", "> PEA. 1:1(0)").empty());
}

TEST(PacketCompare, each_field_is_compared) {
  const std::string expected = "> P. 1:101(100) ack 5 win 257 urg 3 <nop,nop,sack 1:2>";
  for (const char* actual : {
           "> . 1:101(100) ack 5 win 257 urg 3 <nop,nop,sack 1:2>",
           "> P. 2:102(100) ack 5 win 257 urg 3 <nop,nop,sack 1:2>",
           "> P. 1:100(99) ack 5 win 257 urg 3 <nop,nop,sack 1:2>",
           "> P. 1:101(100) ack 6 win 257 urg 3 <nop,nop,sack 1:2>",
           "> P. 1:101(100) ack 5 win 256 urg 3 <nop,nop,sack 1:2>",
           "> P. 1:101(100) ack 5 win 257 urg 4 <nop,nop,sack 1:2>",
           "> P. 1:101(100) ack 5 win 257 urg 3 <nop,nop,sack 1:3>",
           "> P. 1:101(100) ack 5 win 257 urg 3 <sack 1:2,nop,nop>",
           "> P. 1:101(100) ack 5 win 257 urg 3",
       }) {
    EXPECT_EQ(differing(expected, actual).size(), 1u) << actual;
  }
  EXPECT_EQ(
      differing("> [ect0] . 1:1(0)", "> [ce] . 1:1(0)"),
      std::vector<std::string>{"live packet field ip_ecn: expected: 2 (0x2) vs actual: 3 (0x3)"});
}

TEST(PacketCompare, echoes_of_timestamps_are_compared_when_asked_for) {
  const PacketSpec expected = spec_of("> . 1:1(0) ack 5 <nop,nop,TS val 1 ecr 2>");
  const Packet actual = made("> . 1:1(0) ack 5 <nop,nop,TS val 9 ecr 3>");
  EXPECT_TRUE(differences(expected, actual, false, {}).empty());
  EXPECT_EQ(differences(expected, actual, false, {.timestamp_echo = true}).size(), 1u);
  const CompareRules ticks{.timestamp_echo = false,
                           .timestamp_tick = std::chrono::milliseconds(1),
                           .timestamp_tolerance = std::chrono::milliseconds(4)};
  EXPECT_EQ(differences(expected, actual, false, ticks).size(), 1u);
}

TEST(PacketCompare, segments_that_follow_each_other_are_one) {
  const Packet first = made("> W. 1:1001(1000) ack 5 win 9");
  const Packet last = made("> FP. 1001:1501(500) ack 5 win 9");
  EXPECT_EQ(breaks_run(first, last, 500), "");
  const Packet whole = joined(first, last);
  EXPECT_EQ(text_of(whole), "FPW. 1:1501(1500) ack 5 win 9");
  EXPECT_NE(breaks_run(first, made("> P. 1002:1502(500) ack 5 win 9"), 500), "");
  EXPECT_NE(breaks_run(first, made("> P. 1001:1501(500) ack 6 win 9"), 500), "");
  EXPECT_NE(breaks_run(first, made("> P. 1001:1501(500) ack 5 win 8"), 500), "");
  EXPECT_NE(breaks_run(first, made("> P. 1001:1501(500) ack 5 win 9"), 600), "");
}

TEST(Conversation, numbers_are_moved_both_ways) {
  Conversation conversation;
  conversation.script_local_isn = 10;
  conversation.live_local_isn = 7'000'010;
  conversation.remote_isn = 300;
  const auto syn_ack = conversation.to_live(made("< S. 300:300(0) ack 11 win 1"), false);
  EXPECT_EQ(syn_ack->tcp()->seq, 300u);
  EXPECT_EQ(syn_ack->tcp()->ack, 7'000'011u);
  const auto data = conversation.to_live(made("< P. 1:2(1) ack 1 win 1 <nop,nop,sack 3:4>"), false);
  EXPECT_EQ(data->tcp()->seq, 301u);
  EXPECT_EQ(data->tcp()->ack, 7'000'011u);
  EXPECT_EQ(text_of(data->tcp()->options[2]), "sack 7000013:7000014");
  Packet out = made("> P. 1:2(1) ack 1 win 1");
  out.tcp()->seq = 7'000'011;
  out.tcp()->ack = 301;
  EXPECT_EQ(text_of(conversation.to_script(out)), "P. 1:2(1) ack 1 win 1");
}

TEST(Conversation, timestamps_stand_for_the_script_s) {
  Conversation conversation;
  const auto seen = [&](const char* script, std::uint32_t live) {
    Packet actual = made(script);
    set_word(*actual.tcp()->option(8), 0, live);
    conversation.map_timestamps(std::get<TcpSpec>(spec_of(script).body), *actual.tcp());
    return text_of(actual);
  };
  EXPECT_EQ(seen("> S 0:0(0) win 1 <nop,nop,TS val 100 ecr 0>", 5000),
            "S 0:0(0) win 1 <nop,nop,TS val 100 ecr 0>");
  EXPECT_EQ(seen("> . 1:1(0) ack 1 win 1 <nop,nop,TS val 200 ecr 0>", 5150),
            ". 1:1(0) ack 1 win 1 <nop,nop,TS val 250 ecr 0>");
  const auto back =
      conversation.to_live(made("< . 1:1(0) ack 1 win 1 <nop,nop,TS val 1 ecr 200>"), false);
  EXPECT_EQ(text_of(back->tcp()->options[2]), "TS val 1 ecr 5150");
  const Packet unseen = made("< . 1:1(0) ack 1 win 1 <nop,nop,TS val 1 ecr 300>");
  EXPECT_FALSE(conversation.to_live(unseen, false).has_value());
  EXPECT_EQ(text_of(conversation.to_live(unseen, true)->tcp()->options[2]), "TS val 1 ecr 5200");
}

}  // namespace
}  // namespace estab::lab
