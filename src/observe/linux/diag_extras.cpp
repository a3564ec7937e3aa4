#include "observe/linux/diag_extras.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <linux/inet_diag.h>
#include <linux/rtnetlink.h>
#include <linux/tcp.h>
#include <linux/tls.h>

#include <algorithm>
#include <cstring>

namespace estab::observe {
namespace {

template <class T>
T value_of(const std::uint8_t* data, std::size_t size) {
  T value{};
  std::memcpy(&value, data, std::min(size, sizeof value));
  return value;
}

Memory memory_of(const std::uint8_t* data, std::size_t size) {
  const auto words = value_of<std::array<std::uint32_t, 9>>(data, size);
  return {words[0], words[1], words[2], words[3], words[4], words[5], words[6], words[7], words[8]};
}

// ss prints what a terminal would stumble over, and its own separators, as octal numbers.
std::string escaped_key(const std::uint8_t* key, std::size_t size) {
  std::string text;
  for (std::size_t i = 0; i < size; ++i) {
    const std::uint8_t c = key[i];
    const bool plain = c > ' ' && c < 0x7f && c != ',' && c != '\\';
    text += plain ? std::string(1, static_cast<char>(c)) : fmt::format("\\{:03o}", c);
  }
  return text;
}

std::string md5_keys(const std::uint8_t* data, std::size_t size) {
  std::string text;
  for (std::size_t at = 0; at + sizeof(tcp_diag_md5sig) <= size; at += sizeof(tcp_diag_md5sig)) {
    tcp_diag_md5sig key;
    std::memcpy(&key, data + at, sizeof key);
    char address[INET6_ADDRSTRLEN] = "";
    ::inet_ntop(key.tcpm_family, key.tcpm_addr, address, sizeof address);
    if (!text.empty()) text += ',';
    text += fmt::format("{}/{}=", address, key.tcpm_prefixlen) +
            escaped_key(key.tcpm_key, std::min<std::size_t>(key.tcpm_keylen, sizeof key.tcpm_key));
  }
  return text;
}

template <class Visit>
void each_attribute(const std::uint8_t* data, std::size_t size, const Visit& visit) {
  std::size_t at = 0;
  while (at + sizeof(rtattr) <= size) {
    rtattr attribute;
    std::memcpy(&attribute, data + at, sizeof attribute);
    if (attribute.rta_len < sizeof attribute || attribute.rta_len > size - at) return;
    visit(attribute.rta_type & NLA_TYPE_MASK, data + at + sizeof attribute,
          attribute.rta_len - sizeof attribute);
    at += RTA_ALIGN(attribute.rta_len);
  }
}

std::string tls_configuration(const char* name, std::uint16_t value) {
  static constexpr const char* kWords[] = {"", "none", "sw", "hw", "hw-record"};
  if (value >= 1 && value <= 4) return fmt::format(" {}: {}", name, kWords[value]);
  return fmt::format(" {}: unknown({})", name, value);
}

std::string tls_text(const std::uint8_t* data, std::size_t size) {
  std::array<std::string, 5> parts;  // ss's order, whatever the kernel's
  each_attribute(data, size, [&](int type, const std::uint8_t* at, std::size_t length) {
    const auto value = value_of<std::uint16_t>(at, length);
    if (type == TLS_INFO_VERSION) {
      parts[0] = value == 0x0303   ? " version: 1.2"
                 : value == 0x0304 ? " version: 1.3"
                                   : fmt::format(" version: unknown({})", value);
    } else if (type == TLS_INFO_CIPHER) {
      parts[1] = value == 51 ? " cipher: aes-gcm-128" : value == 52 ? " cipher: aes-gcm-256" : "";
    } else if (type == TLS_INFO_RXCONF) {
      parts[2] = tls_configuration("rxconf", value);
    } else if (type == TLS_INFO_TXCONF) {
      parts[3] = tls_configuration("txconf", value);
    } else if (type == 5) {  // TLS_INFO_ZC_RO_TX
      parts[4] = " zc_ro_tx";
    }
  });
  return parts[0] + parts[1] + parts[2] + parts[3] + parts[4];
}

std::string upper_protocol(const std::uint8_t* data, std::size_t size) {
  std::string name;
  std::string rest;
  each_attribute(data, size, [&](int type, const std::uint8_t* at, std::size_t length) {
    if (type == INET_ULP_INFO_NAME) {
      const auto* text = reinterpret_cast<const char*>(at);
      name = " tcp-ulp-" + std::string(text, ::strnlen(text, length));
    } else if (type == INET_ULP_INFO_TLS) {
      rest += tls_text(at, length);
    }
  });
  return name + rest;
}

BbrInfo bbr_of(const std::uint8_t* data, std::size_t size) {
  const auto bbr = value_of<tcp_bbr_info>(data, size);
  return {std::uint64_t{bbr.bbr_bw_hi} << 32 | bbr.bbr_bw_lo, bbr.bbr_min_rtt, bbr.bbr_pacing_gain,
          bbr.bbr_cwnd_gain};
}

DctcpInfo dctcp_of(const std::uint8_t* data, std::size_t size) {
  const auto dctcp = value_of<tcp_dctcp_info>(data, size);
  return {dctcp.dctcp_enabled != 0, dctcp.dctcp_ce_state, dctcp.dctcp_alpha, dctcp.dctcp_ab_ecn,
          dctcp.dctcp_ab_tot};
}

std::uint32_t vegas_rtt(const std::uint8_t* data, std::size_t size) {
  const auto vegas = value_of<tcpvegas_info>(data, size);
  constexpr std::uint32_t kNone = 0x7fffffff;
  return vegas.tcpv_enabled != 0 && vegas.tcpv_rtt != kNone ? vegas.tcpv_rtt : 0;
}

ShortMemory short_memory_of(const std::uint8_t* data, std::size_t size) {
  const auto m = value_of<inet_diag_meminfo>(data, size);
  return {m.idiag_rmem, m.idiag_wmem, m.idiag_fmem, m.idiag_tmem};
}

}  // namespace

void read_extra(int type, const std::uint8_t* data, std::size_t size, Detail& to) {
  switch (type) {
    case INET_DIAG_INFO:
      if (size > 0) to.info = value_of<tcp::LinuxTcpInfo>(data, size);
      break;
    case INET_DIAG_SKMEMINFO:
      to.memory = memory_of(data, size);
      break;
    case INET_DIAG_MEMINFO:
      to.short_memory = short_memory_of(data, size);
      break;
    case INET_DIAG_CONG: {
      const auto* text = reinterpret_cast<const char*>(data);
      to.congestion.assign(text, ::strnlen(text, size));
      break;
    }
    case INET_DIAG_TOS:
      to.tos = value_of<std::uint8_t>(data, size);
      break;
    case INET_DIAG_TCLASS:
      to.traffic_class = value_of<std::uint8_t>(data, size);
      break;
    case INET_DIAG_CLASS_ID:
      to.class_id = value_of<std::uint32_t>(data, size);
      break;
    case INET_DIAG_SOCKOPT:
      to.socket_options = value_of<std::array<std::uint8_t, 2>>(data, size);
      break;
    case INET_DIAG_BBRINFO:
      to.bbr = bbr_of(data, size);
      break;
    case INET_DIAG_DCTCPINFO:
      to.dctcp = dctcp_of(data, size);
      break;
    case INET_DIAG_VEGASINFO:
      to.vegas_rtt = vegas_rtt(data, size);
      break;
    case INET_DIAG_MD5SIG:
      to.md5_keys = md5_keys(data, size);
      break;
    case INET_DIAG_ULP_INFO:
      to.upper_protocol = upper_protocol(data, size);
      break;
    default:
      break;
  }
}

}  // namespace estab::observe
