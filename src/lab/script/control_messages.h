// msg_control of a script: [{cmsg_level=.., cmsg_type=.., cmsg_data=..}].
#pragma once
#include <sys/socket.h>

#include <cstdint>
#include <vector>

#include "lab/script/ast.h"

namespace estab::lab {

// As the ABI has it. cmsg_data is a number, {scm_sec, scm_nsec}, {ee_errno ...} or a list of
// attributes. Throws CallFailure.
std::vector<std::uint8_t> control_bytes(const Expression& list);

// What came with recvmsg() against what control_bytes() made: level, type, length and data of each.
// Times of zero count as any time. Throws CallFailure with the first difference.
void compare_control(const std::vector<std::uint8_t>& expected, const msghdr& actual);

}  // namespace estab::lab
