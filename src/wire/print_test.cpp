#include "wire/print.h"

#include <gtest/gtest.h>

#include "wire/test_packets.h"

namespace estab::wire {
namespace {

Segment syn_ack() {
  Segment s;
  s.flags = kSyn | kAck;
  s.ack = WireSeq{1};
  s.window = 32768;
  s.options.mss = 1460;
  s.options.sack_permitted = true;
  s.options.timestamps = Timestamps{1, 2};
  s.options.window_scale = 7;
  return s;
}

TEST(Print, a_segment_reads_as_in_tcpdump) {
  EXPECT_EQ(segment_text(syn_ack()),
            "S. 0:0(0) ack 1 win 32768 <mss 1460,sackOK,TS val 1 ecr 2,nop,wscale 7>");
  Segment s;
  s.flags = kRst;
  EXPECT_EQ(segment_text(s), "R 0:0(0) win 0");
}

TEST(Print, numbers_are_relative_to_the_bases) {
  Segment s;
  s.flags = kPsh | kAck | kUrg | kFin;
  s.seq = WireSeq{5};
  s.ack = WireSeq{0xfffffff0};
  s.urgent = 3;
  s.options.sack_count = 2;
  s.options.sack = {
      SackBlock{WireSeq{1}, WireSeq{11}}, SackBlock{WireSeq{21}, WireSeq{31}}, {}, {}};
  s.payload.append(Slice::copy_of(bytes_of("010203")));
  EXPECT_EQ(segment_text(s, WireSeq{0xfffffffe}, WireSeq{0xffffffe0}),
            "FP.U 7:10(3) ack 16 win 0 urg 3 <nop,nop,sack 33:43 53:63>");
}

TEST(Print, every_option_and_flag_has_a_spelling) {
  TcpOptions o;
  o.mss = 536;
  o.sack_permitted = true;
  EXPECT_EQ(options_text(o), "mss 536,nop,nop,sackOK");
  o = {};
  o.user_timeout = UserTimeoutOption{true, 5};
  EXPECT_EQ(options_text(o), "uto 5min");
  o.user_timeout = UserTimeoutOption{false, 30};
  o.fast_open = FastOpenCookie{.length = 4, .bytes = {0xde, 0xad, 0xbe, 0x0f}};
  EXPECT_EQ(options_text(o), "uto 30s,FO deadbe0f,nop,nop");
  EXPECT_EQ(options_text({}), "");
  EXPECT_EQ(flags_text(0xff), "FSRP.UEW");
  EXPECT_EQ(flags_text(kSyn | kEce | kCwr), "SEW");
  EXPECT_EQ(flags_text(0), "-");
}

TEST(Print, a_failed_expectation_shows_the_segment) {
  EXPECT_EQ(testing::PrintToString(syn_ack()), segment_text(syn_ack()));
  EXPECT_EQ(testing::PrintToString(syn_ack().options),
            "<mss 1460,sackOK,TS val 1 ecr 2,nop,wscale 7>");
}

}  // namespace
}  // namespace estab::wire
