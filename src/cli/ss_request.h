// What `estab ss` was asked for, and who does it.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/ss_kinds.h"
#include "observe/arrange.h"
#include "observe/sources.h"
#include "observe/ss_view.h"

namespace estab::cli {

struct SsRequest {
  SsKinds kinds;
  observe::SsFilter filter;
  observe::SsFormat format;
  observe::Look look;
  std::optional<observe::Sorting> sort;
  std::vector<observe::GroupKey> groups;
  bool json = false;
  bool summary = false;
  bool events = false;
  bool kill = false, yes = false;
  std::string namespace_name;  // -N
};

// The exit status.
int run_ss(SsRequest& request);

}  // namespace estab::cli
