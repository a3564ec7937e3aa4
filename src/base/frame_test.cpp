#include <gtest/gtest.h>

#include <algorithm>

#include "estab/device.h"

namespace estab {
namespace {

TEST(OutgoingFrame, flattens_headers_and_payload_into_one_copy) {
  const std::uint8_t abc[] = {'a', 'b', 'c'};
  OutgoingFrame frame;
  std::copy_n("TCP", 3, frame.prepend(3));
  std::copy_n("IP", 2, frame.prepend(2));
  frame.payload() = {Slice::copy_of(abc), Slice{}, Slice::copy_of(abc).sub(1, 2)};
  const Slice flat = frame.flatten();
  const Bytes bytes = flat.bytes();
  EXPECT_EQ(std::string(bytes.begin(), bytes.end()), "IPTCPabcbc");
  EXPECT_EQ(frame.size(), 10u);
}

TEST(OutgoingFrame, an_empty_one_flattens_to_nothing) {
  EXPECT_TRUE(OutgoingFrame{}.flatten().bytes().empty());
}

}  // namespace
}  // namespace estab
