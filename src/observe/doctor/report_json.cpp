#include <nlohmann/json.hpp>

#include "observe/doctor/report.h"

namespace estab::observe::doctor {
namespace {

using Json = nlohmann::ordered_json;

Json remedies(const std::vector<Remedy>& list) {
  Json all = Json::array();
  for (const Remedy& remedy : list) {
    Json one{{"text", remedy.text}};
    if (!remedy.command.empty()) {
      one["command"] = remedy.command;
      one["effect"] = effect_name(remedy.effect);
      if (!remedy.name.empty()) one["name"] = remedy.name;
      if (!remedy.value.empty()) one["value"] = remedy.value;
    }
    all.push_back(std::move(one));
  }
  return all;
}

Json json_of(const Finding& f) {
  Json processes = Json::array(), peers = Json::array(), code = Json::array();
  for (const Holder& h : f.processes) {
    processes.push_back(
        {{"pid", h.pid}, {"command", h.command}, {"connections", h.connections}, {"fds", h.fds}});
  }
  for (const auto& [address, n] : f.peers) {
    peers.push_back({{"address", address}, {"connections", n}});
  }
  for (const auto& [where, n] : f.code) code.push_back({{"where", where}, {"connections", n}});
  Json numbers = Json::object();
  for (const auto& [name, value] : f.numbers) numbers[name] = value;
  return {{"id", f.id},
          {"kind", f.kind},
          {"severity", severity_name(f.severity)},
          {"certainty", sure_name(f.sure)},
          {"where", f.where},
          {"headline", f.headline},
          {"seen", f.seen},
          {"why", f.why},
          {"not_because", f.not_because},
          {"processes", processes},
          {"peers", peers},
          {"code", code},
          {"numbers", numbers},
          {"now", remedies(f.now)},
          {"for_good", remedies(f.for_good)}};
}

}  // namespace

std::string json_report(const Report& report, bool indented) {
  Json findings = Json::array();
  for (const Finding& finding : report.findings) findings.push_back(json_of(finding));
  const Json all{{"status", status_of(report)}, {"looked_at", report.looked_at},
                 {"seconds", report.seconds},   {"connections", report.connections},
                 {"findings", findings},        {"not_seen", report.not_seen},
                 {"failed", report.failed}};
  // A command's name need not be UTF-8.
  return all.dump(indented ? 2 : -1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace estab::observe::doctor
