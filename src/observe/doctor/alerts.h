// The same kinds as alert rules for Prometheus, over the metrics of node_exporter and of `estab
// metrics`: docs/doctor.md names them.
#pragma once
#include <string>

namespace estab::observe::doctor {

std::string alert_rules();  // YAML, as promtool checks it

}  // namespace estab::observe::doctor
