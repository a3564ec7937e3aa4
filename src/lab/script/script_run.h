// One script on its way: the host, the connections, the clock, and what each event does.
#pragma once
#include <memory>
#include <optional>
#include <stdexcept>

#include "lab/script/calls.h"
#include "lab/script/commands.h"
#include "lab/script/drill.h"
#include "lab/script/python_code.h"
#include "lab/script/script_time.h"
#include "lab/virtual_host.h"

namespace estab::lab {

// The script says one thing, the stack did another: the whole message.
struct Mismatch : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class ScriptRun {
 public:
  ScriptRun(const DrillOptions& options, const ScriptSettings& settings, const Script& script);

  // To the script's end. Throws Mismatch or Problem. The text is what the script's code printed.
  std::string run();

 private:
  // A call that the script lets block.
  struct Pending {
    const Event* event;
    const CallSpec* call;
    PreparedCall prepared;
    std::shared_ptr<const VirtualHost::Call> live;
    Duration must_end;  // script time
  };

  void make_host();
  void run_event(const Event& event);
  void wait_for(const Event& event);
  [[noreturn]] void mismatch(const Event& event, const std::string& text) const;
  std::string source_line(int line) const;

  // calls
  void run_call(const Event& event, const CallSpec& call);
  void finish_call(const Event& event, const CallSpec& call, const PreparedCall& prepared,
                   const VirtualHost::Call& live);
  void look_at_pending();
  void await_pending();
  CallContext context() { return {settings_, sockets_}; }

  // packets
  void run_packet(const Event& event, const PacketSpec& spec);
  void run_inbound(const Event& event, const PacketSpec& spec, Conversation& conversation);
  void run_outbound(const Event& event, const PacketSpec& spec, Conversation& conversation);
  Conversation& conversation_for(const Event& event, const PacketSpec& spec);
  Conversation* new_conversation(const PacketSpec& spec);
  bool begin_active(const PacketSpec& spec);
  struct Sniffed {
    Packet packet;
    Duration at;  // script time
  };
  Sniffed sniff(const Event& event, const PacketSpec& spec, Conversation& conversation);
  bool is_expected(const Packet& packet, const PacketSpec& spec, Conversation& conversation) const;
  [[noreturn]] void packet_mismatch(const Event& event, const PacketSpec& spec,
                                    std::vector<std::string> lines,
                                    const std::vector<Sniffed>& actual) const;
  Sniffed gather(const Event& event, const PacketSpec& spec, Conversation& conversation);
  void check_packet(const Event& event, const PacketSpec& spec, Conversation& conversation,
                    Sniffed actual);
  void capture(Instant at, bool inbound, Bytes packet, int line) const;

  // commands and code
  void run_command(const Event& event, const CommandSpec& command);
  void run_code(const Event& event, const CodeSpec& code);
  std::string run_python();

  Duration now() const { return host_->now() - start_; }

  const DrillOptions& options_;
  const ScriptSettings& settings_;
  const Script& script_;
  Tuning tuning_{};
  Commands commands_;
  std::unique_ptr<VirtualHost> host_;
  Instant start_{};  // of script time
  ScriptTime time_;
  Sockets sockets_;
  std::optional<Pending> pending_;
  PythonCode python_;
  std::uint16_t next_port_;  // of the remote host
};

}  // namespace estab::lab
