#include "observe/ladder.h"

#include <gtest/gtest.h>

#include "wire/pcapng.h"

namespace estab::observe {
namespace {

using namespace std::chrono_literals;
using wire::kAck;
using wire::kFin;
using wire::kPsh;
using wire::kRst;
using wire::kSyn;

const FourTuple kTuple{{IpAddress::v4(10, 0, 0, 1), {50000}}, {IpAddress::v4(10, 0, 0, 2), {80}}};

// Segments as a capture has them, client to server with c(), back with s(), 1 ms apart. Sequence
// numbers are relative to 1000 (client) and 2000 (server).
class Talk {
 public:
  Talk& c(wire::Flags flags, std::uint32_t seq, std::uint32_t ack = 0, std::uint32_t bytes = 0) {
    return add(kTuple, flags, 1000 + seq, 2000 + ack, bytes);
  }
  Talk& s(wire::Flags flags, std::uint32_t seq, std::uint32_t ack = 0, std::uint32_t bytes = 0) {
    return add(kTuple.reversed(), flags, 2000 + seq, 1000 + ack, bytes);
  }
  Talk& handshake() { return c(kSyn, 0).s(kSyn | kAck, 0, 1).c(kAck, 1, 1); }
  const Capture& capture() const { return capture_; }
  Conversation only() const {
    const auto all = conversations(capture_);
    EXPECT_EQ(all.size(), 1u);
    return all.front();
  }
  std::string states() const {
    const FinalStates last = final_states(only());
    const auto name = [](std::optional<State> s) { return s ? std::string(rfc_name(*s)) : "?"; };
    return name(last.left) + " " + name(last.right);
  }

 private:
  Talk& add(const FourTuple& sender, wire::Flags flags, std::uint32_t seq, std::uint32_t ack,
            std::uint32_t bytes) {
    at_ += 1ms;
    capture_.segments.push_back({at_, sender, {seq}, {ack}, flags, 1000, bytes});
    return *this;
  }
  Capture capture_;
  Instant at_{};
};

TEST(Ladder, states_through_a_whole_life) {
  EXPECT_EQ(Talk().c(kSyn, 0).states(), "SYN-SENT CLOSED");
  EXPECT_EQ(Talk().c(kSyn, 0).s(kSyn | kAck, 0, 1).states(), "ESTABLISHED SYN-RECEIVED");
  EXPECT_EQ(Talk().handshake().states(), "ESTABLISHED ESTABLISHED");
  Talk life = Talk().handshake().c(kFin | kAck, 1, 1);
  EXPECT_EQ(life.states(), "FIN-WAIT-1 CLOSE-WAIT");
  EXPECT_EQ(life.s(kAck, 1, 2).states(), "FIN-WAIT-2 CLOSE-WAIT");
  EXPECT_EQ(life.s(kFin | kAck, 1, 2).states(), "TIME-WAIT LAST-ACK");
  EXPECT_EQ(life.c(kAck, 2, 2).states(), "TIME-WAIT CLOSED");
}

TEST(Ladder, fin_with_the_ack_of_ours_walks_two_arrows) {
  Talk life = Talk().handshake().c(kFin | kAck, 1, 1).s(kFin | kAck, 1, 2);
  EXPECT_EQ(life.states(), "TIME-WAIT LAST-ACK");
  const std::string text = ladder_text(life.only(), {}, {});
  EXPECT_NE(text.find("14 FIN-WAIT-2"), std::string::npos) << text;
  EXPECT_NE(text.find("16 TIME-WAIT"), std::string::npos) << text;
}

TEST(Ladder, simultaneous_close_and_open) {
  Talk close = Talk().handshake().c(kFin | kAck, 1, 1).s(kFin | kAck, 1, 1);
  EXPECT_EQ(close.states(), "CLOSING CLOSING");
  EXPECT_EQ(close.c(kAck, 2, 2).s(kAck, 2, 2).states(), "TIME-WAIT TIME-WAIT");
  Talk open = Talk().c(kSyn, 0).s(kSyn, 0);
  EXPECT_EQ(open.states(), "SYN-RECEIVED SYN-RECEIVED");
  EXPECT_EQ(open.c(kSyn | kAck, 0, 1).s(kSyn | kAck, 0, 1).states(), "ESTABLISHED ESTABLISHED");
}

TEST(Ladder, resets) {
  EXPECT_EQ(Talk().c(kSyn, 0).s(kRst | kAck, 0, 1).states(), "CLOSED CLOSED");
  EXPECT_EQ(Talk().handshake().c(kRst | kAck, 1, 1).states(), "CLOSED CLOSED");
  // Not at RCV.NXT: a challenge ACK's matter, the receiver stays (RFC 5961 3).
  EXPECT_EQ(Talk().handshake().c(kRst, 500, 1).states(), "CLOSED ESTABLISHED");
}

TEST(Ladder, a_gap_is_closed_by_what_the_receiver_acknowledges) {
  Talk life = Talk().handshake().c(kAck, 101, 1, 100).c(kFin | kAck, 201, 1);
  EXPECT_EQ(life.states(), "FIN-WAIT-1 ESTABLISHED");
  EXPECT_EQ(life.c(kAck, 1, 1, 100).s(kAck, 1, 202).states(), "FIN-WAIT-2 CLOSE-WAIT");
}

TEST(Ladder, what_began_before_the_capture_is_unknown) {
  EXPECT_EQ(Talk().c(kAck, 50, 50, 10).s(kAck, 50, 60).states(), "? ?");
}

TEST(Ladder, a_new_syn_is_a_new_conversation) {
  Talk twice = Talk().handshake().c(kFin | kAck, 1, 1).s(kFin | kAck, 1, 2).c(kAck, 2, 2);
  twice.c(kSyn, 70000);
  EXPECT_EQ(conversations(twice.capture()).size(), 2u);
  // The same SYN again is not.
  EXPECT_EQ(conversations(Talk().c(kSyn, 0).c(kSyn, 0).capture()).size(), 1u);
}

TEST(Ladder, the_one_who_opened_stands_on_the_left_though_unseen) {
  const auto all = conversations(Talk().s(kSyn | kAck, 0, 1).capture());
  EXPECT_EQ(all.at(0).tuple, kTuple);
}

TEST(Ladder, drawn_at_80_columns) {
  Talk life = Talk().handshake().c(kPsh | kAck, 1, 1, 78).s(kAck, 1, 79);
  life.c(kFin | kAck, 79, 1);
  LadderStyle style;
  style.ascii = true;
  style.left_name = "curl";
  EXPECT_EQ(ladder_text(life.only(), {}, style),
            "          curl 10.0.0.1:50000                                        10.0.0.2:80\n"
            "                   CLOSED |                                     | LISTEN\n"
            "  0.00 ms      3 SYN-SENT |-- SYN ----------------------------->| 6 SYN-RECEIVED\n"
            "  1.00 ms  10 ESTABLISHED |<------------------------- SYN,ACK --|\n"
            "  2.00 ms                 |-- ACK ----------------------------->| 9 ESTABLISHED\n"
            "  3.00 ms                 |-- 78 bytes ------------------------>|\n"
            "  4.00 ms                 |<----------------------------- ACK --|\n"
            "  5.00 ms   12 FIN-WAIT-1 |-- FIN,ACK ------------------------->| 13 CLOSE-WAIT\n");
}

TEST(Ladder, long_transfers_take_one_line) {
  Talk life = Talk().handshake();
  for (std::uint32_t i = 0; i < 500; ++i) {
    life.s(kAck, 1 + i * 1000, 1, 1000);
    if (i % 2 == 1) life.c(kAck, 1, 1 + (i + 1) * 1000);
  }
  life.c(kFin | kAck, 1, 500001);
  const std::string text = ladder_text(life.only(), {}, {});
  EXPECT_LT(std::count(text.begin(), text.end(), '\n'), 14) << text;
  EXPECT_NE(text.find("kB"), std::string::npos);
  LadderStyle whole;
  whole.whole = true;
  const std::string all = ladder_text(life.only(), {}, whole);
  EXPECT_GT(std::count(all.begin(), all.end(), '\n'), 700);
}

TEST(Ladder, notes_come_from_the_event_log) {
  Talk life = Talk().handshake();
  LifecycleEvent fired;
  fired.at = Instant{} + 10ms;
  fired.tuple = kTuple.reversed();
  fired.rule = Rule::L10_FinAgain;
  LifecycleEvent stranger = fired;
  stranger.tuple.remote.port = {1};
  const auto notes = notes_for(life.only(), {fired, stranger}, 5ms);
  ASSERT_EQ(notes.size(), 1u);
  EXPECT_EQ(notes[0].at, Instant{} + 15ms);
  EXPECT_NE(ladder_text(life.only(), notes, {}).find("L10: "), std::string::npos);
}

// A SYN of 10.0.0.1:50000 to 10.0.0.2:80 in a raw IPv4 packet.
const std::vector<std::uint8_t> kSynPacket{
    0x45, 0,    0, 40, 0, 1, 0x40, 0,   64, 6, 0x26, 0xcd, 10,   0,    0,    1, 10, 0, 0, 2,
    0xc3, 0x50, 0, 80, 0, 0, 0,    100, 0,  0, 0,    0,    0x50, 0x02, 0x10, 0, 0,  0, 0, 0};

std::vector<std::uint8_t> pcapng_file() {
  std::vector<std::uint8_t> file;
  wire::pcapng_section(file, {});
  wire::pcapng_interface(file, {});
  wire::PcapngPacket packet;
  packet.timestamp = 1700000000123456789;
  packet.original_length = 40;
  wire::pcapng_packet(file, packet, kSynPacket);
  return file;
}

TEST(CaptureReader, reads_what_the_pcapng_writer_wrote) {
  const auto capture = parse_capture(pcapng_file());
  ASSERT_TRUE(capture.has_value()) << capture.error();
  ASSERT_EQ(capture->segments.size(), 1u);
  EXPECT_EQ(capture->segments[0].sender, kTuple);
  EXPECT_EQ(capture->segments[0].flags, kSyn);
  EXPECT_EQ(capture->segments[0].at.time_since_epoch().count(), 1700000000123456789);
}

TEST(CaptureReader, reads_pcap_of_either_byte_order) {
  const auto put = [](std::vector<std::uint8_t>& to, std::uint32_t v, bool big) {
    for (int i = 0; i < 4; ++i)
      to.push_back(static_cast<std::uint8_t>(v >> (big ? 24 - 8 * i : 8 * i)));
  };
  for (const bool big : {false, true}) {
    std::vector<std::uint8_t> file;
    for (const std::uint32_t v : {0xa1b2c3d4u, 0u, 0u, 0u, 65535u, 101u, 7u, 5u, 40u, 40u}) {
      put(file, v, big);
    }
    file.insert(file.end(), kSynPacket.begin(), kSynPacket.end());
    const auto capture = parse_capture(file);
    ASSERT_TRUE(capture.has_value()) << capture.error();
    ASSERT_EQ(capture->segments.size(), 1u) << big;
    EXPECT_EQ(capture->segments[0].at, Instant{} + 7s + 5us);
  }
}

TEST(CaptureReader, is_safe_on_every_truncation_and_every_changed_byte) {
  const auto file = pcapng_file();
  for (std::size_t n = 0; n < file.size(); ++n) (void)parse_capture({file.data(), n});
  for (std::size_t i = 0; i < file.size(); ++i) {
    auto changed = file;
    for (const int value : {0x00, 0x7f, 0xff}) {
      changed[i] = static_cast<std::uint8_t>(value);
      (void)parse_capture(changed);
    }
  }
  EXPECT_FALSE(parse_capture({}).has_value());
}

}  // namespace
}  // namespace estab::observe
