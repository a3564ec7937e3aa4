// The values of ss's filter language, as ss reads them.
#pragma once
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "observe/ss_filter.h"

namespace estab::observe {

// One host (several where a name has several addresses). `family` is what -4, -6 said, and becomes
// what `inet:` or `inet6:` in the text says. `port_only`: the value of sport and dport.
tl::expected<std::vector<HostTest>, std::string> parse_host_test(std::string text, bool port_only,
                                                                 std::uint8_t& family);
// Fill the test's number (and mask); false: it can't be read.
bool parse_device(const std::string& text, FilterTest& to);
bool parse_mark(const std::string& text, FilterTest& to);
bool parse_cgroup(const std::string& text, FilterTest& to);
bool parse_namespace(const std::string& text, FilterTest& to);
bool parse_timer_kind(const std::string& text, FilterTest& to);
bool parse_bytes(const std::string& text, FilterTest& to);     // 10k, 4M, 1G
bool parse_duration(const std::string& text, FilterTest& to);  // 5 (s), 200ms, 3min, 1h, 2d
bool parse_number(const std::string& text, FilterTest& to);
bool parse_user(const std::string& text, FilterTest& to);  // a number or a name

}  // namespace estab::observe
