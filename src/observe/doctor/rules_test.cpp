// Each kind of finding, and what is near to it and none.
#include "observe/doctor/rules.h"

#include <gmock/gmock.h>

#include "observe/doctor/made_census.h"

namespace estab::observe::doctor {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::Contains;
using testing::ElementsAre;
using testing::Gt;
using testing::HasSubstr;
using testing::IsEmpty;

const Remedy* remedy(const Finding& f, const std::string& part) {
  for (const auto* list : {&f.now, &f.for_good}) {
    for (const Remedy& r : *list) {
      if (r.command.find(part) != r.command.npos) return &r;
    }
  }
  return nullptr;
}

TEST(Doctor, has_nothing_to_say_about_a_quiet_system) {
  MadeCensus made;
  made.many(50, State::Established, "10.0.0.1:80", "10.0.1.");
  EXPECT_THAT(made.ids(), IsEmpty());
}

// --- 1 ------------------------------------------------------------------------------------------

TEST(Doctor, names_the_process_that_does_not_close) {
  MadeCensus made;
  made.many(9, State::CloseWait, "10.0.0.1:80", "10.0.1.");
  const Finding f = made.only();
  EXPECT_EQ(f.id, "close-wait-leak");
  EXPECT_EQ(f.severity, Severity::Warning);  // it stands
  ASSERT_EQ(f.processes.size(), 1U);
  EXPECT_EQ(f.processes[0].pid, 7U);
  EXPECT_EQ(f.processes[0].connections, 9U);
  EXPECT_EQ(f.processes[0].fds.size(), 8U);
  ASSERT_NE(remedy(f, "kill -TERM 7"), nullptr);
  EXPECT_EQ(remedy(f, "prlimit")->command, "prlimit --pid 7 --nofile=2048:");
}

TEST(Doctor, a_leak_that_grows_is_critical) {
  MadeCensus made;
  made.many(10, State::CloseWait, "10.0.0.1:80", "10.0.1.");
  made.census.before.resize(8);
  const Finding f = made.only();
  EXPECT_EQ(f.severity, Severity::Critical);
  EXPECT_EQ(f.sure, Sure::Certainly);
  EXPECT_THAT(f.numbers, Contains(std::pair<std::string, double>("new", 2)));
}

TEST(Doctor, close_wait_that_passes_is_no_leak) {
  MadeCensus made;
  made.many(40, State::CloseWait, "10.0.0.1:80", "10.0.1.", [](Connection& c) {
    c.in_state = Age{milliseconds(300), Known::AtLeast};
  });
  EXPECT_THAT(made.ids(), IsEmpty());
}

TEST(Doctor, a_half_close_that_is_still_answered_is_no_leak) {
  MadeCensus made;
  made.many(9, State::CloseWait, "10.0.0.1:80", "10.0.1.");
  for (Connection& c : made.census.after) MadeCensus::info(c).bytes_acked = 1000;
  EXPECT_THAT(made.ids(), IsEmpty());
}

TEST(Doctor, close_wait_that_nobody_accepted_is_no_leak) {
  MadeCensus made;
  made.many(9, State::CloseWait, "10.0.0.1:80", "10.0.1.", [](Connection& c) {
    c.inode = 0;
    c.owners.clear();
  });
  EXPECT_THAT(made.ids(), IsEmpty());
}

TEST(Doctor, says_where_in_the_code_a_leaked_socket_was_made) {
  MadeCensus made;
  made.many(6, State::CloseWait, "10.0.0.1:80", "10.0.1.");
  made.census.who_made = [](std::uint64_t cookie) -> std::optional<std::string> {
    if (cookie == 1) return std::nullopt;
    return "serve() server.cpp:12";
  };
  const Finding f = made.only();
  ASSERT_EQ(f.code.size(), 1U);
  EXPECT_EQ(f.code[0].first, "serve() server.cpp:12");
  EXPECT_EQ(f.code[0].second, 5U);
}

TEST(Doctor, a_leaking_stack_that_records_no_calls_is_told_how_to) {
  MadeCensus made;
  made.many(6, State::CloseWait, "10.0.0.1:80", "10.0.1.");
  const auto told = [&] {
    std::vector<std::string> commands;
    for (const Remedy& remedy : made.only().now) {
      if (remedy.name == "record_call_sites") commands.push_back(remedy.command);
    }
    return commands;
  };
  EXPECT_THAT(told(), IsEmpty());  // Linux has no such knob
  made.census.source = Source::Stack;
  made.census.stack_pid = 7;
  made.census.knobs["record_call_sites"] = 0;
  EXPECT_THAT(told(), testing::ElementsAre("estab tuning --stack 7 record_call_sites=1"));
  made.census.knobs["record_call_sites"] = 1;
  EXPECT_THAT(told(), IsEmpty());
}

// --- 2 ------------------------------------------------------------------------------------------

void fill_ports(MadeCensus& made, std::size_t n,
                const std::function<std::string(std::size_t)>& to) {
  for (std::size_t i = 0; i < n; ++i) {
    Connection& c = made.both(State::TimeWait, "10.0.0.1:" + std::to_string(40000 + i), to(i));
    c.owners.clear();
    c.inode = 0;
  }
}

TEST(Doctor, time_wait_against_one_server_uses_up_the_ports) {
  MadeCensus made;
  fill_ports(made, 96, [](std::size_t) { return std::string("10.0.0.9:443"); });
  const Finding f = made.only();
  EXPECT_EQ(f.id, "time-wait-ports");
  EXPECT_EQ(f.severity, Severity::Critical);  // 96 of 100
  ASSERT_NE(remedy(f, "tcp_tw_reuse=1"), nullptr);
}

TEST(Doctor, as_much_time_wait_over_several_servers_does_not) {
  MadeCensus made;
  fill_ports(made, 96,
             [](std::size_t i) { return "10.0.0." + std::to_string(9 + i % 3) + ":443"; });
  EXPECT_THAT(made.ids(), IsEmpty());
}

TEST(Doctor, ports_in_time_wait_that_may_be_reused_are_not_used_up) {
  MadeCensus made;
  fill_ports(made, 96, [](std::size_t) { return std::string("10.0.0.9:443"); });
  made.census.knobs["tcp_tw_reuse"] = 1;
  EXPECT_THAT(made.ids(), IsEmpty());
  made.census.knobs["tcp_timestamps"] = 0;  // without them it is of no use
  EXPECT_THAT(made.ids(), testing::UnorderedElementsAre("time-wait-ports",
                                                        "settings-tw-reuse-without-timestamps"));
}

TEST(Doctor, a_server_s_own_time_wait_costs_no_ports) {
  MadeCensus made;
  Connection& listener = made.both(State::Listen, "0.0.0.0:40000", "0.0.0.0:0");
  listener.send_queue = 128;
  for (int i = 0; i < 100; ++i) {
    made.both(State::TimeWait, "10.0.0.1:40000", "10.0.0.9:" + std::to_string(5000 + i));
  }
  EXPECT_THAT(made.ids(), IsEmpty());
}

TEST(Doctor, a_full_time_wait_table_is_critical_once_it_overflows) {
  MadeCensus made;
  made.census.knobs["tcp_max_tw_buckets"] = 1000;
  made.counted("TcpExtTCPTimeWaitOverflow", 3);
  EXPECT_EQ(made.only().id, "time-wait-table");
  EXPECT_EQ(made.only().severity, Severity::Critical);
}

// --- 3 ------------------------------------------------------------------------------------------

void listen_at_80(MadeCensus& made, std::uint64_t waiting, std::uint64_t backlog) {
  made.both(State::Listen, "0.0.0.0:80", "0.0.0.0:0");
  for (auto* look : {&made.census.before, &made.census.after}) {
    look->back().receive_queue = waiting;
    look->back().send_queue = backlog;
  }
}

void half_open(Connection& c) {
  c.owners.clear();
  c.inode = 0;
  c.timer = {tcp::TimerKind::Retransmit, milliseconds(500), 2};
}

TEST(Doctor, many_networks_without_answers_are_a_flood) {
  MadeCensus made;
  listen_at_80(made, 0, 128);
  for (int i = 0; i < 60; ++i) {
    made.both(State::SynReceived, "10.0.0.1:80", "20.0." + std::to_string(i) + ".1:99");
    half_open(made.census.after.back());
  }
  made.counted("TcpExtSyncookiesSent", 500);
  const Finding f = made.only();
  EXPECT_EQ(f.id, "syn-flood");
  EXPECT_EQ(f.processes.at(0).pid, 7U);  // the listener's
}

TEST(Doctor, few_networks_without_answers_are_a_lossy_path) {
  MadeCensus made;
  listen_at_80(made, 0, 128);
  made.many(20, State::SynReceived, "10.0.0.1:80", "20.0.0.", half_open);
  EXPECT_EQ(made.only().id, "syn-lossy");
}

TEST(Doctor, a_burst_that_returns_its_cookies_is_none_of_these) {
  MadeCensus made;
  listen_at_80(made, 3, 128);
  made.many(20, State::SynReceived, "10.0.0.1:80", "20.0.0.", [](Connection& c) {
    half_open(c);
    c.timer.retries = 0;
  });
  made.counted("TcpExtSyncookiesSent", 500);
  made.counted("TcpExtSyncookiesRecv", 480);
  EXPECT_THAT(made.ids(), IsEmpty());
}

TEST(Doctor, a_flood_is_seen_by_its_cookies_alone) {
  MadeCensus made;
  made.counted("TcpExtSyncookiesSent", 500);
  EXPECT_EQ(made.only().id, "syn-flood");
}

TEST(Doctor, a_full_accept_queue_names_who_does_not_accept) {
  MadeCensus made;
  listen_at_80(made, 9, 8);
  made.counted("TcpExtListenOverflows", 12);
  const Finding f = made.only();
  EXPECT_EQ(f.id, "accept-queue-full");
  EXPECT_EQ(f.processes.at(0).pid, 7U);
  made.census.before.back().receive_queue = 2;  // it was not full before
  EXPECT_THAT(made.ids(), IsEmpty());
}

// --- 4 ------------------------------------------------------------------------------------------

TEST(Doctor, tells_a_silent_server_from_a_missing_host) {
  MadeCensus made;
  const auto asking = [](Connection& c) {
    c.timer = {tcp::TimerKind::Retransmit, seconds(1), 3};
    c.remote = at("10.0.0.9:443");
  };
  made.many(6, State::SynSent, "10.0.0.1:4000", "10.0.0.", asking);
  EXPECT_EQ(made.only().id, "syn-sent-no-answer");
  made.census.dead_neighbours.insert(*IpAddress::parse("10.0.0.9"));
  EXPECT_EQ(made.only().id, "syn-sent-no-host");
}

TEST(Doctor, one_lost_syn_is_everyday_life) {
  MadeCensus made;
  made.many(6, State::SynSent, "10.0.0.1:4000", "10.0.0.", [](Connection& c) {
    c.timer = {tcp::TimerKind::Retransmit, seconds(1), 1};
    c.remote = at("10.0.0.9:443");
  });
  EXPECT_THAT(made.ids(), IsEmpty());
}

// --- 5, 6 ---------------------------------------------------------------------------------------

TEST(Doctor, a_half_close_that_waits_for_nothing) {
  MadeCensus made;
  made.many(6, State::FinWait2, "10.0.0.1:4000", "10.0.0.");
  EXPECT_EQ(made.only().id, "fin-wait-2-held");
  for (Connection& c : made.census.after) MadeCensus::info(c).bytes_received = 9;
  EXPECT_THAT(made.ids(), IsEmpty());  // the answer comes
}

TEST(Doctor, orphans_in_fin_wait_2_end_by_themselves_unless_they_are_many) {
  MadeCensus made;
  const auto orphaned = [](Connection& c) {
    c.orphan = true;
    c.owners.clear();
    c.timer.kind = tcp::TimerKind::TimeWait;
    c.in_state = Age{seconds(40), Known::Exactly};
  };
  made.many(19, State::FinWait2, "10.0.0.1:4000", "10.0.0.", orphaned);
  EXPECT_THAT(made.ids(), IsEmpty());
  made.many(5, State::FinWait2, "10.0.0.1:4001", "10.0.0.", orphaned);
  EXPECT_EQ(made.only().id, "fin-wait-2-orphans");
}

void unanswered(Connection& c) {
  c.orphan = true;
  c.owners.clear();
  c.send_queue = 1;
  c.timer = {tcp::TimerKind::Retransmit, seconds(3), 5};
}

TEST(Doctor, a_fin_that_nobody_acknowledges) {
  MadeCensus made;
  made.many(3, State::FinWait1, "10.0.0.1:4000", "10.0.0.", unanswered);
  made.many(3, State::LastAck, "10.0.0.1:4001", "10.0.0.", unanswered);
  EXPECT_EQ(made.only().id, "fin-unanswered");
}

TEST(Doctor, a_closed_connection_whose_peer_does_not_read) {
  MadeCensus made;
  made.many(6, State::FinWait1, "10.0.0.1:4000", "10.0.0.", [](Connection& c) {
    unanswered(c);
    c.timer = {tcp::TimerKind::Persist, seconds(3), 0};
  });
  EXPECT_EQ(made.only().id, "fin-zero-window");
  for (Connection& c : made.census.after) MadeCensus::info(c).bytes_acked = 9;
  EXPECT_THAT(made.ids(), IsEmpty());  // it reads slowly
}

TEST(Doctor, orphans_near_their_bound) {
  MadeCensus made;
  made.census.knobs["tcp_max_orphans"] = 5;
  made.many(4, State::LastAck, "10.0.0.1:4000", "10.0.0.", [](Connection& c) {
    c.orphan = true;
    c.owners.clear();
  });
  EXPECT_EQ(made.only().id, "orphans-near-limit");
}

// --- 7 ------------------------------------------------------------------------------------------

TEST(Doctor, resets_are_told_apart_by_their_counters) {
  for (const auto& [counter, id] : {std::pair{"TcpExtTCPAbortOnClose", "reset-unread-data"},
                                    std::pair{"TcpExtTCPAbortOnData", "reset-linger"},
                                    std::pair{"TcpExtTCPAbortOnTimeout", "reset-timeouts"}}) {
    MadeCensus made;
    made.counted(counter, 20);
    made.counted("TcpOutRsts", 20);
    EXPECT_THAT(made.ids(), ElementsAre(id));
  }
  MadeCensus made;
  made.counted("TcpOutRsts", 20);
  EXPECT_THAT(made.ids(), ElementsAre("reset-no-listener"));
}

TEST(Doctor, resets_belong_to_whose_connections_went) {
  MadeCensus made;
  listen_at_80(made, 0, 128);
  made.both(State::Established, "10.0.0.1:80", "10.0.0.9:7").receive_queue = 5;
  made.census.before.back().receive_queue = 5;
  made.census.after.pop_back();
  made.counted("TcpExtTCPAbortOnClose", 20);
  EXPECT_EQ(made.only().processes.at(0).pid, 7U);
}

TEST(Doctor, a_few_resets_among_many_connections_are_everyday_life) {
  MadeCensus made;
  made.counted("TcpExtTCPAbortOnClose", 20);
  made.counted("TcpPassiveOpens", 1000);
  EXPECT_THAT(made.ids(), IsEmpty());
}

// --- 8 ------------------------------------------------------------------------------------------

TEST(Doctor, established_and_dead) {
  const auto waits = [](tcp::TimerKind kind) {
    return [kind](Connection& c) {
      c.send_queue = 1000;
      c.timer = {kind, seconds(9), 6};
    };
  };
  MadeCensus silent;
  silent.many(6, State::Established, "10.0.0.1:80", "10.0.0.", waits(tcp::TimerKind::Retransmit));
  EXPECT_EQ(silent.only().id, "dead-no-answer");
  MadeCensus window;
  window.many(6, State::Established, "10.0.0.1:80", "10.0.0.", waits(tcp::TimerKind::Persist));
  EXPECT_EQ(window.only().id, "dead-zero-window");
  for (Connection& c : silent.census.after) MadeCensus::info(c).bytes_acked = 9;
  for (Connection& c : window.census.after) MadeCensus::info(c).bytes_acked = 9;
  EXPECT_THAT(silent.ids(), IsEmpty());
  EXPECT_THAT(window.ids(), IsEmpty());
}

TEST(Doctor, idle_for_hours_is_dead_perhaps_unless_keep_alive_asks) {
  MadeCensus made;
  const auto idle = [](Connection& c) {
    auto& info = MadeCensus::info(c);
    info.last_ack_recv = info.last_data_recv = info.last_data_sent = 8'000'000;
  };
  made.many(6, State::Established, "10.0.0.1:80", "10.0.0.", idle);
  EXPECT_EQ(made.only().id, "dead-idle");
  EXPECT_EQ(made.only().sure, Sure::Possibly);
  for (Connection& c : made.census.after) c.timer.kind = tcp::TimerKind::KeepAlive;
  EXPECT_THAT(made.ids(), IsEmpty());
}

// --- 9 ------------------------------------------------------------------------------------------

void descriptors(MadeCensus& made, const std::vector<std::uint64_t>& values) {
  made.census.samples.clear();
  for (const std::uint64_t value : values) made.census.samples.push_back({{{7, value}}, {}});
}

TEST(Doctor, descriptors_that_only_grow_have_an_end) {
  MadeCensus made;
  descriptors(made, {500, 510, 520, 530, 540});
  const Finding f = made.only();
  EXPECT_EQ(f.id, "descriptors-run-out");
  EXPECT_EQ(f.severity, Severity::Critical);  // 484 left, 20 a second
  EXPECT_THAT(f.numbers, Contains(testing::Pair("seconds_left", testing::DoubleNear(24.2, 0.1))));
}

TEST(Doctor, descriptors_that_sway_or_hardly_grow_have_none) {
  MadeCensus made;
  descriptors(made, {500, 540, 510, 520, 540});
  EXPECT_THAT(made.ids(), IsEmpty());
  descriptors(made, {500, 500, 500, 500, 540});  // one step
  EXPECT_THAT(made.ids(), IsEmpty());
  descriptors(made, {100, 110, 120, 130, 140});  // far from the bound
  EXPECT_THAT(made.ids(), IsEmpty());
  descriptors(made, {900, 900, 900, 900, 900});  // many, and standing
  EXPECT_THAT(made.ids(), IsEmpty());
}

TEST(Doctor, ports_to_one_server_that_only_grow_have_an_end) {
  MadeCensus made;
  for (std::uint64_t n : {30, 32, 34, 36, 38}) {
    made.census.samples.push_back({{}, {{{*IpAddress::parse("10.0.0.1"), at("10.0.0.9:443")}, n}}});
  }
  made.both(State::Established, "10.0.0.1:40000", "10.0.0.9:443");
  EXPECT_EQ(made.only().id, "ports-run-out");
  EXPECT_EQ(made.only().processes.at(0).pid, 7U);
}

// --- 10 -----------------------------------------------------------------------------------------

TEST(Doctor, settings_that_contradict_each_other) {
  for (const auto& [knob, value, id] :
       {std::tuple{"tcp_syncookies", 0, "settings-syncookies-off"},
        std::tuple{"tcp_fin_timeout", 300, "settings-fin-timeout"},
        std::tuple{"tcp_rmem_max", 16384, "settings-receive-buffer"},
        std::tuple{"time_wait", 1, "settings-time-wait-short"}}) {
    MadeCensus made;
    made.census.knobs[knob] = value;
    EXPECT_THAT(made.ids(), ElementsAre(id));
  }
}

TEST(Doctor, a_backlog_cut_by_somaxconn) {
  MadeCensus made;
  made.census.knobs["somaxconn"] = 128;
  listen_at_80(made, 0, 128);
  EXPECT_EQ(made.only().id, "settings-somaxconn");
  made.census.knobs["somaxconn"] = 256;
  EXPECT_THAT(made.ids(), IsEmpty());
}

TEST(Doctor, a_receive_buffer_too_small_for_the_path) {
  MadeCensus made;
  made.census.knobs["tcp_rmem_max"] = 1 << 20;
  MadeCensus::info(made.both(State::Established, "10.0.0.1:80", "10.0.0.9:7")).min_rtt = 200'000;
  EXPECT_EQ(made.only().id, "settings-receive-buffer");
  MadeCensus::info(made.census.after.back()).min_rtt = 1'000;
  EXPECT_THAT(made.ids(), IsEmpty());
}

TEST(Doctor, a_stack_s_own_warnings_are_told) {
  MadeCensus made;
  made.census.source = Source::Stack;
  made.census.warnings = {"tcp_rfc1337 = 0: one RST ends TIME-WAIT"};
  EXPECT_EQ(made.only().id, "settings-dangerous");
}

TEST(Doctor, commands_fit_the_system) {
  MadeCensus made;
  made.census.source = Source::Stack;
  made.census.stack_pid = 42;
  made.census.knobs["tcp_syncookies"] = 0;
  EXPECT_EQ(made.only().now.at(0).command, "estab tuning --stack 42 tcp_syncookies=1");
  made.census.source = Source::Linux;
  EXPECT_EQ(made.only().now.at(0).command, "sysctl -w net.ipv4.tcp_syncookies=1");
}

}  // namespace
}  // namespace estab::observe::doctor
