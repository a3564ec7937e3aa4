#include "base/random.h"
#include "wire/tcp_option_layout.h"
#include "wire/test_packets.h"

namespace estab::wire {
namespace {

constexpr bool kOnSyn = true;
constexpr bool kOnOther = false;

Parsed<TcpOptions> parsed(std::string_view hex, bool syn = kOnSyn) {
  return parse_tcp_options(bytes_of(hex), syn);
}

std::vector<std::uint8_t> built(const TcpOptions& options) {
  std::vector<std::uint8_t> bytes(kMaxTcpOptions);
  bytes.resize(build_tcp_options(options, bytes.data()));
  EXPECT_EQ(bytes.size() % 4, 0u);
  EXPECT_EQ(tcp_header_size(options), kTcpHeader + bytes.size());
  return bytes;
}

TcpOptions with_sack(std::uint8_t blocks) {
  TcpOptions o;
  o.sack_count = blocks;
  for (std::uint32_t i = 0; i < blocks; ++i) {
    o.sack[i] = {WireSeq{1000 * i + 1}, WireSeq{1000 * i + 501}};
  }
  return o;
}

// proves: MUST-4, MUST-14
TEST(TcpOptions, MUST_4_end_of_list_no_operation_and_mss) {
  EXPECT_EQ(parsed("02 04 05b4")->mss, 1460);
  EXPECT_EQ(parsed("01 01 02 04 05b4 01 00")->mss, 1460);
  EXPECT_FALSE(parsed("00 02 04 05b4 00")->mss);  // behind the end
  EXPECT_EQ(parsed("")->mss, std::nullopt);
  TcpOptions o;
  o.mss = 1460;
  EXPECT_EQ(built(o), bytes_of("02 04 05b4"));
}

// proves: MUST-5
TEST(TcpOptions, MUST_5_any_segment_may_carry_options) {
  for (const bool syn : {kOnSyn, kOnOther}) {
    const auto o = parsed("01 01 08 0a 00000001 00000002 05 0a 00000003 00000004 1c 04 8005", syn);
    ASSERT_TRUE(o);
    EXPECT_EQ(o->timestamps, (Timestamps{1, 2}));
    EXPECT_EQ(o->sack_count, 1);
    EXPECT_EQ(o->sack[0], (SackBlock{WireSeq{3}, WireSeq{4}}));
    EXPECT_EQ(o->user_timeout, (UserTimeoutOption{true, 5}));
  }
}

// proves: MUST-6
TEST(TcpOptions, MUST_6_unknown_options_are_skipped_by_their_length) {
  const auto o = parsed("fd 06 f9890001 13 02 02 04 0218 1e 03 aa");
  ASSERT_TRUE(o);
  EXPECT_EQ(o->mss, 0x218);
  EXPECT_EQ(o->unknown, 3);
}

// proves: MUST-7
TEST(TcpOptions, MUST_7_an_illegal_length_costs_the_segment) {
  for (const char* options : {
           "08 00 0000",  // zero: the endless loop of AMNESIA:33
           "fd 00 0000",
           "fd 01 0000",  // unknown, and no length
           "08 01 0000",
           "02",
           "01 01 01 02",  // no room for a length
           "02 05 05b4",
           "02 03 05 00",
           "02 04 05",  // MSS
           "03 02 00 00",
           "03 04 07 00",
           "03 03",        // window scale
           "04 03 00 00",  // SACK-permitted
           "05 02 01 01",
           "05 09 00000001 000000 00",    // SACK: not 2 + 8n
           "05 0b 00000001 00000002 00",  //
           "05 12 00000001 00000002",     // beyond the end
           "08 09 00000001 000000",
           "08 0b 00000001 00000002 00",  // timestamps
           "1c 03 00 00",
           "1c 05 0000 00",  // user timeout
           "fd 03",
           "fd ff 00 00",
       }) {
    for (const bool syn : {kOnSyn, kOnOther}) {
      EXPECT_EQ(parsed(options, syn).error(), Counter::EstabTcpBadOption) << options;
    }
  }
}

// proves: MUST-64
TEST(TcpOptions, MUST_64_alignment_does_not_matter) {
  for (std::size_t shift = 0; shift < 8; ++shift) {
    std::vector<std::uint8_t> bytes(shift, 1);
    append(bytes, bytes_of("08 0a 01020304 05060708 02 04 05b4"));
    const auto o = parse_tcp_options(bytes, kOnSyn);
    ASSERT_TRUE(o) << shift;
    EXPECT_EQ(o->timestamps, (Timestamps{0x01020304, 0x05060708}));
    EXPECT_EQ(o->mss, 1460);
  }
}

// proves: MUST-68
TEST(TcpOptions, MUST_68_all_that_we_write_but_padding_has_a_length) {
  TcpOptions o = with_sack(1);
  o.timestamps = Timestamps{1, 2};
  o.user_timeout = UserTimeoutOption{false, 30};
  auto bytes = built(o);
  std::size_t options = 0;
  for (std::size_t at = 0; at < bytes.size(); at += bytes[at] == 1 ? 1 : bytes[at + 1]) {
    if (bytes[at] != 1) ++options;
    ASSERT_NE(bytes[at], 0);
  }
  EXPECT_EQ(options, 3u);
}

// Any set of options, with fields that are not zero.
TcpOptions random_options(Random& random) {
  TcpOptions o = with_sack(static_cast<std::uint8_t>(random.below(5)));
  o.sack_permitted = random.chance(0.5);
  if (random.chance(0.5)) o.mss = 0x0101;
  if (random.chance(0.5)) o.window_scale = 1;
  if (random.chance(0.5)) o.timestamps = Timestamps{0x01010101, 0x01010101};
  if (random.chance(0.5)) o.user_timeout = UserTimeoutOption{false, 0x0101};
  if (random.chance(0.5)) {
    o.fast_open = FastOpenCookie{};
    o.fast_open->length = static_cast<std::uint8_t>(random.below(2) * (4 + 2 * random.below(7)));
    std::fill_n(o.fast_open->bytes.begin(), o.fast_open->length, std::uint8_t{1});
  }
  return o;
}

// proves: MUST-68, MUST-69
TEST(TcpOptions, MUST_69_options_fill_the_header_and_nothing_but_zeros_follows_their_end) {
  Random random(6);
  for (int i = 0; i < 5000; ++i) {
    const auto bytes = built(random_options(random));
    ASSERT_LE(bytes.size(), kMaxTcpOptions);
    std::size_t at = 0;
    while (at < bytes.size() && bytes[at] != 0) at += bytes[at] == 1 ? 1 : bytes[at + 1];
    ASSERT_LE(at, bytes.size());
    for (; at < bytes.size(); ++at) ASSERT_EQ(bytes[at], 0);
  }
}

TEST(TcpOptions, what_is_built_is_parsed_again_as_far_as_it_fits) {
  Random random(7);
  for (int i = 0; i < 5000; ++i) {
    TcpOptions o = random_options(random);
    const TcpOptionLayout layout = lay_out(o);
    const auto again = parse_tcp_options(built(o), kOnSyn);
    ASSERT_TRUE(again);
    if (!layout.user_timeout) o.user_timeout.reset();
    o.sack_count = static_cast<std::uint8_t>(layout.sack_blocks);
    std::fill(o.sack.begin() + o.sack_count, o.sack.end(), SackBlock{});
    ASSERT_EQ(*again, o);
  }
}

// proves: RFC7323-2.2-5
TEST(TcpOptions, what_belongs_to_a_syn_is_forgotten_elsewhere) {
  const char* all = "02 04 05b4 03 03 07 04 02 22 02";
  const auto syn = parsed(all, kOnSyn);
  EXPECT_TRUE(syn->mss && syn->window_scale && syn->sack_permitted && syn->fast_open);
  EXPECT_EQ(*parsed(all, kOnOther), TcpOptions{});
}

TEST(TcpOptions, a_window_scale_beyond_14_is_passed_on) {
  EXPECT_EQ(parsed("03 03 0f 00")->window_scale, 15);
  EXPECT_EQ(parsed("03 03 ff 00")->window_scale, 255);
}

// proves: RFC5482-3.3-2, RFC5482-3.3-3, RFC5482-3.3-4, RFC5482-3.4-2
TEST(TcpOptions, user_timeout) {
  EXPECT_EQ(parsed("1c 04 001e")->user_timeout, (UserTimeoutOption{false, 30}));
  EXPECT_FALSE(parsed("1c 04 8000")->user_timeout);  // RFC 5482 2: 0 says nothing
  TcpOptions o;
  o.user_timeout = UserTimeoutOption{true, 0x7fff};
  EXPECT_EQ(built(o), bytes_of("1c 04 ffff"));
}

TEST(TcpOptions, fast_open_cookies) {
  EXPECT_EQ(parsed("22 02")->fast_open, FastOpenCookie{});
  const auto o = parsed("22 06 01020304");
  ASSERT_TRUE(o && o->fast_open);
  EXPECT_EQ(o->fast_open->length, 4);
  EXPECT_EQ(o->fast_open->bytes[3], 4);
  // RFC 7413 4.1.1: one of a wrong length is ignored, and the segment is not.
  for (const char* wrong : {"22 03 01", "22 04 0102", "22 07 0102030405",
                            "22 14 0102030405060708 0102030405060708 0102"}) {
    const auto ignored = parsed(wrong);
    ASSERT_TRUE(ignored) << wrong;
    EXPECT_FALSE(ignored->fast_open) << wrong;
    EXPECT_EQ(ignored->unknown, 1) << wrong;
  }
}

TEST(TcpOptions, order_is_linuxs) {
  TcpOptions o;
  o.mss = 1460;
  o.sack_permitted = true;
  o.window_scale = 10;
  EXPECT_EQ(built(o), bytes_of("020405b4 0101 0402 01 03030a"));
  o.timestamps = Timestamps{0xb5d2718f, 0};
  EXPECT_EQ(built(o), bytes_of("020405b4 0402 080ab5d2718f00000000 01 03030a"));
  o.sack_permitted = false;
  EXPECT_EQ(built(o), bytes_of("020405b4 0101 080ab5d2718f00000000 01 03030a"));
  TcpOptions data = with_sack(2);
  data.timestamps = Timestamps{1, 2};
  EXPECT_EQ(built(data), bytes_of("0101 080a 00000001 00000002"
                                  "0101 0512 00000001 000001f5 000003e9 000005dd"));
}

TEST(TcpOptions, sack_blocks_that_fit) {
  EXPECT_EQ(built(with_sack(4)).size(), 36u);
  TcpOptions o = with_sack(4);
  o.timestamps = Timestamps{};
  EXPECT_EQ(lay_out(o).sack_blocks, 3u);
  EXPECT_EQ(built(o).size(), 40u);
  o.user_timeout = UserTimeoutOption{false, 1};
  EXPECT_EQ(lay_out(o).sack_blocks, 2u);
  EXPECT_TRUE(lay_out(o).user_timeout);
}

TEST(TcpOptions, the_most_that_a_syn_can_carry_is_40_bytes) {
  TcpOptions o;
  o.mss = 1460;
  o.timestamps = Timestamps{};
  o.sack_permitted = true;
  o.window_scale = 7;
  o.fast_open = FastOpenCookie{.length = 16, .bytes = {}};
  o.user_timeout = UserTimeoutOption{false, 30};
  EXPECT_EQ(built(o).size(), 40u);
  EXPECT_FALSE(lay_out(o).user_timeout);  // the one that can be said later
  o.fast_open->length = 12;
  EXPECT_TRUE(lay_out(o).user_timeout);
  EXPECT_EQ(built(o).size(), 40u);
  o.fast_open->length = 255;  // no caller's mistake writes past the room
  EXPECT_EQ(built(o).size(), 40u);
}

TEST(TcpOptions, the_last_of_two_counts) { EXPECT_EQ(parsed("02 04 0200 02 04 0300")->mss, 0x300); }

}  // namespace
}  // namespace estab::wire
