#include "lab/script/python_code.h"

#include <fmt/format.h>
#include <linux/tcp.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "estab/state.h"

namespace estab::lab {
namespace {

// A failed assertion names the script's line, not the one of the text that python3 reads.
constexpr const char* kPrologue = R"(import sys, traceback
def _tell(kind, value, trace):
  sys.stderr.write("%s:%d: error in Python code\n" % (_file, _line))
  traceback.print_exception(kind, value, trace)
sys.excepthook = _tell
TCP_CA_Open, TCP_CA_Disorder, TCP_CA_CWR, TCP_CA_Recovery, TCP_CA_Loss = range(5)
TCPI_OPT_TIMESTAMPS, TCPI_OPT_SACK, TCPI_OPT_WSCALE, TCPI_OPT_ECN = 1, 2, 4, 8
TCPI_OPT_ECN_SEEN, TCPI_OPT_SYN_DATA, TCPI_OPT_USEC_TS, TCPI_OPT_TFO_CHILD = 16, 32, 64, 128
TCP_ESTABLISHED, TCP_SYN_SENT, TCP_SYN_RECV, TCP_FIN_WAIT1, TCP_FIN_WAIT2 = range(1, 6)
TCP_TIME_WAIT, TCP_CLOSE, TCP_CLOSE_WAIT, TCP_LAST_ACK, TCP_LISTEN, TCP_CLOSING = range(6, 12)
)";

struct Field {
  const char* name;
  std::size_t offset;
  std::size_t size;
};

#define ESTAB_FIELD(name) \
  { #name, offsetof(tcp_info, name), sizeof(tcp_info::name) }

// The fields of Linux's struct tcp_info that this system's headers know.
constexpr Field kFields[] = {
    ESTAB_FIELD(tcpi_state),         ESTAB_FIELD(tcpi_ca_state),
    ESTAB_FIELD(tcpi_retransmits),   ESTAB_FIELD(tcpi_probes),
    ESTAB_FIELD(tcpi_backoff),       ESTAB_FIELD(tcpi_options),
    ESTAB_FIELD(tcpi_rto),           ESTAB_FIELD(tcpi_ato),
    ESTAB_FIELD(tcpi_snd_mss),       ESTAB_FIELD(tcpi_rcv_mss),
    ESTAB_FIELD(tcpi_unacked),       ESTAB_FIELD(tcpi_sacked),
    ESTAB_FIELD(tcpi_lost),          ESTAB_FIELD(tcpi_retrans),
    ESTAB_FIELD(tcpi_fackets),       ESTAB_FIELD(tcpi_last_data_sent),
    ESTAB_FIELD(tcpi_last_ack_sent), ESTAB_FIELD(tcpi_last_data_recv),
    ESTAB_FIELD(tcpi_last_ack_recv), ESTAB_FIELD(tcpi_pmtu),
    ESTAB_FIELD(tcpi_rcv_ssthresh),  ESTAB_FIELD(tcpi_rtt),
    ESTAB_FIELD(tcpi_rttvar),        ESTAB_FIELD(tcpi_snd_ssthresh),
    ESTAB_FIELD(tcpi_snd_cwnd),      ESTAB_FIELD(tcpi_advmss),
    ESTAB_FIELD(tcpi_reordering),    ESTAB_FIELD(tcpi_rcv_rtt),
    ESTAB_FIELD(tcpi_rcv_space),     ESTAB_FIELD(tcpi_total_retrans),
    ESTAB_FIELD(tcpi_pacing_rate),   ESTAB_FIELD(tcpi_max_pacing_rate),
    ESTAB_FIELD(tcpi_bytes_acked),   ESTAB_FIELD(tcpi_bytes_received),
    ESTAB_FIELD(tcpi_segs_out),      ESTAB_FIELD(tcpi_segs_in),
    ESTAB_FIELD(tcpi_notsent_bytes), ESTAB_FIELD(tcpi_min_rtt),
    ESTAB_FIELD(tcpi_data_segs_in),  ESTAB_FIELD(tcpi_data_segs_out),
    ESTAB_FIELD(tcpi_delivery_rate), ESTAB_FIELD(tcpi_busy_time),
    ESTAB_FIELD(tcpi_rwnd_limited),  ESTAB_FIELD(tcpi_sndbuf_limited),
    ESTAB_FIELD(tcpi_delivered),     ESTAB_FIELD(tcpi_delivered_ce),
    ESTAB_FIELD(tcpi_bytes_sent),    ESTAB_FIELD(tcpi_bytes_retrans),
    ESTAB_FIELD(tcpi_dsack_dups),    ESTAB_FIELD(tcpi_reord_seen),
    ESTAB_FIELD(tcpi_rcv_ooopack),   ESTAB_FIELD(tcpi_snd_wnd),
};

#undef ESTAB_FIELD

constexpr const char* kMemoryNames[] = {"RMEM_ALLOC", "RCVBUF",    "WMEM_ALLOC",
                                        "SNDBUF",     "FWD_ALLOC", "WMEM_QUEUED",
                                        "OPTMEM",     "BACKLOG",   "DROPS"};

std::uint64_t value_at(Bytes info, const Field& field) {
  std::uint64_t value = 0;  // little-endian, as every machine that estab builds on
  std::memcpy(&value, info.data() + field.offset, field.size);
  return value;
}

std::string variables(Bytes info) {
  std::string out;
  for (const Field& field : kFields) {
    if (field.offset + field.size > info.size()) continue;
    out += fmt::format("{} = {}\n", field.name, value_at(info, field));
  }
  // Bit fields have no offset of their own: the two bytes after tcpi_options.
  if (info.size() >= 8) {
    out += fmt::format(
        "tcpi_snd_wscale = {}\ntcpi_rcv_wscale = {}\ntcpi_delivery_rate_app_limited = {}\n",
        info[6] & 15, info[6] >> 4, info[7] & 1);
  }
  return out;
}

// A file that is gone with its owner.
class ScriptFile {
 public:
  explicit ScriptFile(const std::string& text) {
    const int fd = ::mkstemp(path_.data());
    if (fd < 0) return;
    std::FILE* file = ::fdopen(fd, "w");
    written_ = std::fwrite(text.data(), 1, text.size(), file) == text.size();
    written_ = std::fclose(file) == 0 && written_;
  }
  ~ScriptFile() { ::unlink(path_.c_str()); }
  ScriptFile(const ScriptFile&) = delete;
  ScriptFile& operator=(const ScriptFile&) = delete;

  bool written() const { return written_; }
  const std::string& path() const { return path_; }

 private:
  std::string path_ = std::filesystem::temp_directory_path() / "estab-drill-XXXXXX";  // $TMPDIR
  bool written_ = false;
};

}  // namespace

void PythonCode::add(const std::string& file, int line, const std::string& text, Bytes info,
                     std::span<const std::uint32_t> memory) {
  text_ += variables(info);
  for (std::size_t i = 0; i < memory.size() && i < std::size(kMemoryNames); ++i) {
    text_ += fmt::format("SK_MEMINFO_{} = {}\n", kMemoryNames[i], memory[i]);
  }
  std::string quoted;
  for (const char c : file)
    quoted += c == '\'' || c == '\\' ? std::string("\\") + c : std::string(1, c);
  text_ += fmt::format("_file = '{}'\n_line = {}\n{}\n\n", quoted, line, text);
}

tl::expected<PythonCode::Result, std::string> PythonCode::run() const {
  const ScriptFile file(kPrologue + text_);
  if (!file.written()) return tl::unexpected(std::string("cannot write ") + file.path());
  std::FILE* python = ::popen(fmt::format("python3 '{}' 2>&1", file.path()).c_str(), "r");
  if (python == nullptr) return tl::unexpected(std::string("cannot start python3"));
  Result result;
  char line[512];
  while (std::fgets(line, sizeof(line), python) != nullptr) result.output += line;
  const int status = ::pclose(python);
  result.passed = status != -1 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
  return result;
}

bool PythonCode::available() {
  static const bool found = std::system("python3 -c '' >/dev/null 2>&1") == 0;
  return found;
}

}  // namespace estab::lab
