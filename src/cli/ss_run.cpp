// What `estab ss` does once it knows what was asked for.
#include <fmt/format.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/confirm.h"
#include "cli/print_whole.h"
#include "cli/ss_request.h"
#include "observe/connection_json.h"
#include "observe/linux/destroy.h"
#include "observe/linux/destroy_events.h"
#include "observe/linux/namespaces.h"
#include "observe/linux/sock_summary.h"
#include "observe/ss_summary.h"

namespace estab::cli {
namespace {

constexpr const char* kVerb = "ss";

std::string drawn(const std::vector<observe::Connection>& connections, const SsRequest& request) {
  if (!request.groups.empty()) {
    const auto groups = observe::grouped(connections, request.groups);
    return request.json ? observe::groups_json(groups, request.groups)
                        : observe::groups_table(groups, request.groups, request.format.header);
  }
  return request.json ? observe::connections_json(connections)
                      : observe::ss_table(connections, request.format);
}

int print_summary(const SsRequest& request, observe::Where where) {
  if (where != observe::Where::Linux) {
    const auto stacks = observe::find_stacks(request.look.stack);
    if (!stacks) throw Failure(stacks.error());
    stack::control::Totals totals;
    for (const auto& address : *stacks) {
      auto client = observe::ControlClient::open(address);
      if (!client) continue;
      if (const auto one = client->totals()) totals = observe::sum(totals, *one);
    }
    const auto connections = observe::connections_of(*stacks);
    if (!connections) throw Failure(connections.error());
    print_whole(observe::ss_summary(totals, *connections));
  }
  if (where != observe::Where::Stacks) print_whole(observe::linux_ss_summary());
  return kDone;
}

// As ss -K, but never everything, and not without a question.
int kill_connections(const SsRequest& request, const observe::Looked& looked) {
  if (!request.yes) {
    print_whole(drawn(looked.connections, request));
    if (looked.connections.empty()) return kDone;
    const std::string question =
        fmt::format("Close {} of Linux's sockets, as shown?", looked.connections.size());
    if (!confirmed(question)) throw Failure("nothing was closed");
  }
  const observe::DestroyReport report = observe::destroy_connections(looked.connections);
  if (request.yes) print_whole(drawn(report.closed, request));
  if (report.cannot != 0) {
    say(kVerb, fmt::format("{} cannot be closed: this kernel refuses", report.cannot));
  }
  if (!report.error.empty()) throw Failure(report.error);
  return kDone;
}

int follow_events(const SsRequest& request) {
  observe::LinuxQuery query = request.look.query;
  query.info = request.format.info;
  query.memory = request.format.memory;
  observe::SsFormat format = request.format;
  if (format.header && !request.json) print_whole(observe::ss_table({}, format));
  format.header = false;
  observe::Names names;
  const auto ended = observe::follow_destroyed(query, [&](observe::Connection& c, bool lost) {
    if (lost) say(kVerb, "events were lost: more came than could be shown");
    std::string line;
    if (request.json) {
      observe::append_connection_json(line, c, names);
      line += '\n';
    } else {
      line = observe::ss_table({c}, format);
    }
    return print_whole(line);
  });
  if (!ended) throw Failure(ended.error());
  return kDone;
}

void complete_query(SsRequest& request) {
  observe::LinuxQuery& query = request.look.query;
  query.states = request.kinds.states(request.filter);
  query.v4 = request.kinds.v4_wanted();
  query.v6 = request.kinds.v6_wanted();
  query.filter = &request.filter;
  const observe::SsFormat& f = request.format;
  query.info = f.info || (request.json && f.extended);
  query.memory = f.memory;
  query.tos = f.tos;
  query.socket_options = f.socket_options;
  query.threads = f.threads;
  query.owners = f.processes || f.threads;
  query.ages = f.ages || (request.json && (f.info || f.extended));
  for (const observe::GroupKey key : request.groups) {
    query.owners = query.owners || key == observe::GroupKey::Process;
  }
  if (request.sort) {
    query.info = query.info || observe::sorting_needs_info(*request.sort);
    query.ages = query.ages || request.sort->key == observe::SortKey::Age;
    query.owners = query.owners || request.sort->key == observe::SortKey::Pid;
  }
}

// What ss says and ends with, when nothing can be shown.
bool nothing_to_show(const SsRequest& request) {
  if (request.kinds.asked_for_others()) {
    say(kVerb, "only TCP is shown here: other kinds of sockets are left out");
  }
  if (request.look.query.states == 0) {
    say(kVerb, "no socket states to show with such filter.");
    return true;
  }
  return false;
}

void tell_source(const SsRequest& request, const observe::Looked& looked) {
  if (::isatty(STDERR_FILENO) == 0 || ::isatty(STDOUT_FILENO) == 0) return;
  if (request.look.where != observe::Where::Auto || !request.look.stack.empty()) return;
  say(kVerb, looked.stacks ? "connections of the running estab stacks; --source linux for Linux's"
                           : "Linux's sockets, as no estab stack runs");
}

}  // namespace

int run_ss(SsRequest& request) {
  if (!request.namespace_name.empty()) {
    const auto entered = observe::enter_network_namespace(request.namespace_name);
    if (!entered) throw Failure(entered.error());
    request.look.where = observe::Where::Linux;
  }
  if (request.kill || request.events) {
    if (!request.look.stack.empty() || request.look.where == observe::Where::Stacks) {
      throw Failure("--kill and --events are for Linux's sockets: see estab kill, estab trace");
    }
    request.look.where = observe::Where::Linux;
  }
  complete_query(request);
  if (request.summary) {
    const auto where = observe::settled(request.look);
    if (!where) throw Failure(where.error());
    print_summary(request, *where);
    const bool more = !request.kinds.nothing_named() || request.filter.states_given ||
                      request.filter.root != nullptr;
    if (!more) return kDone;
  }
  if (nothing_to_show(request)) return kDone;
  request.format.state = (request.look.query.states & (request.look.query.states - 1)) != 0;
  request.format.netid = !request.kinds.one_kind();
  if (request.events) return follow_events(request);
  if (request.kill && !request.filter.states_given && request.filter.root == nullptr) {
    throw WrongUse("--kill without a filter would close everything: say which");
  }
  observe::Looked looked;
  if (request.kinds.shows_tcp()) {
    auto found = observe::look_at(request.look);
    if (!found) throw Failure(found.error());
    looked = std::move(*found);
    tell_source(request, looked);
  }
  if (request.sort) observe::sort_connections(looked.connections, *request.sort);
  const int status = request.kill ? kill_connections(request, looked) : kDone;
  if (!request.kill) print_whole(drawn(looked.connections, request));
  for (const std::string& line : looked.blind_spots) say(kVerb, line);
  return status;
}

}  // namespace estab::cli
