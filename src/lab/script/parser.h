// The grammar of packet scripts (docs/packet-scripts.md), by recursive descent.
#pragma once
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "lab/script/ast.h"
#include "lab/script/problem.h"
#include "lab/script/token_stream.h"

namespace estab::lab {

// Words are looked up in `definitions` (of the command line), then in the script's own --define, then
// in `usual`.
tl::expected<Script, Problem> parse_script(std::string_view text,
                                           const Definitions& definitions = {},
                                           const Definitions& usual = {});
// The --options at the top alone.
tl::expected<Script, Problem> parse_script_options(std::string_view text);

// The parts, each from its first word on.
PacketSpec parse_packet(TokenStream& tokens);  // from '<' or '>' on
CallSpec parse_call(TokenStream& tokens);      // from '...' or the call's name on
Duration parse_time(TokenStream& tokens);      // seconds

}  // namespace estab::lab
