#include "observe/doctor/report.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "observe/doctor/alerts.h"

namespace estab::observe::doctor {
namespace {

using testing::HasSubstr;
using testing::Not;

Report made() {
  Finding f;
  f.kind = 1;
  f.id = "close-wait-leak";
  f.severity = Severity::Critical;
  f.headline = "evil\x1b[2J\nname (pid 7) does not close";
  f.seen = {
      "a line that is long enough to be broken at least once because it has more than eighty "
      "columns"};
  f.processes = {{7, "evil\x1b[2J\xff", 9, {4, 5}}};
  f.peers = {{"10.0.0.9", 9}};
  f.now = {{"See them:", "ss -tanpo state close-wait", Effect::Shows}};
  f.numbers = {{"connections", 9}};
  f.where = "Linux";
  return {{"Linux"}, 2.0, 12, {f}, {"Owners of 3 sockets: root sees them."}, {}};
}

TEST(DoctorReport, nothing_from_outside_reaches_the_terminal) {
  const std::string text = text_report(made(), 80, false);
  EXPECT_EQ(text.find('\x1b'), text.npos);
  EXPECT_THAT(text, Not(HasSubstr("\xff")));
  EXPECT_THAT(text, HasSubstr("\\x1b[2J"));
}

TEST(DoctorReport, colours_are_read_on_light_and_dark_and_change_no_word) {
  Finding f = made().findings[0];
  f.headline = "a leak";
  EXPECT_EQ(finding_line(f, 80, true), "\x1b[1;31mCRITICAL\x1b[0m  a leak\n");
  f.severity = Severity::Warning;
  EXPECT_EQ(finding_line(f, 80, true), "\x1b[1;35mWARNING\x1b[0m   a leak\n");
  EXPECT_EQ(finding_line(f, 80, false), "WARNING   a leak\n");
}

TEST(DoctorReport, keeps_to_the_width_and_says_what_it_did_not_see) {
  const std::string text = text_report(made(), 80, false);
  std::size_t at = 0;
  for (std::size_t end = text.find('\n'); end != text.npos; end = text.find('\n', at)) {
    EXPECT_LE(end - at, 80U) << text.substr(at, end - at);
    at = end + 1;
  }
  EXPECT_THAT(text, HasSubstr("$ ss -tanpo state close-wait\n"));
  EXPECT_THAT(text, HasSubstr("Not seen:\n  Owners of 3 sockets"));
}

TEST(DoctorReport, json_has_it_all_whatever_the_bytes) {
  const auto json = nlohmann::json::parse(json_report(made(), false));
  EXPECT_EQ(json["status"], "critical");
  EXPECT_EQ(json["findings"][0]["id"], "close-wait-leak");
  EXPECT_EQ(json["findings"][0]["processes"][0]["fds"][1], 5);
  EXPECT_EQ(json["findings"][0]["now"][0]["effect"], "shows");
  EXPECT_EQ(json["findings"][0]["numbers"]["connections"], 9);
  EXPECT_EQ(json["not_seen"].size(), 1U);
}

TEST(DoctorReport, status_is_the_gravest) {
  Report report = made();
  EXPECT_EQ(status_of(report), "critical");
  report.findings[0].severity = Severity::Warning;
  EXPECT_EQ(status_of(report), "warning");
  report.findings.clear();
  EXPECT_EQ(status_of(report), "healthy");
  report.looked_at.clear();
  EXPECT_EQ(status_of(report), "unknown");
}

TEST(DoctorReport, a_finding_is_the_same_though_its_numbers_changed) {
  Finding a = made().findings[0], b = a;
  b.headline = "another";
  b.processes[0].connections = 99;
  EXPECT_EQ(key_of(a), key_of(b));
  b.processes[0].pid = 8;
  EXPECT_NE(key_of(a), key_of(b));
}

TEST(DoctorAlerts, speak_of_both_exporters) {
  EXPECT_THAT(alert_rules(), HasSubstr("node_netstat_TcpExt_ListenOverflows"));
  EXPECT_THAT(alert_rules(), HasSubstr("estab_connections{state=\"close-wait\"}"));
}

}  // namespace
}  // namespace estab::observe::doctor
