// Text from outside (commands, peers' names), made harmless for a terminal and for JSON.
#pragma once
#include <string>
#include <string_view>

namespace estab::observe {

// What a terminal would act on (control characters, what turns the writing direction, broken UTF-8)
// as \n, \x1b, \u{202e}; a quotation mark and a backslash get a backslash. All else as it is.
void append_escaped(std::string& to, std::string_view text);
std::string escaped(std::string_view text);

// A JSON string, quotation marks included. Bytes that are no UTF-8 become U+FFFD.
void append_json_string(std::string& to, std::string_view text);

}  // namespace estab::observe
