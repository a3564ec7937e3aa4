// The option part of tcp.h.
#include <algorithm>
#include <array>

#include "base/defence.h"
#include "wire/bytes.h"
#include "wire/tcp.h"
#include "wire/tcp_option_layout.h"

namespace estab::wire {
namespace {

bool length_is_legal(std::uint8_t kind, std::size_t length) {
  switch (static_cast<TcpOption>(kind)) {
    case TcpOption::kMss:
    case TcpOption::kUserTimeout:
      return length == 4;
    case TcpOption::kWindowScale:
      return length == 3;
    case TcpOption::kSackPermitted:
      return length == 2;
    case TcpOption::kSack:  // RFC 2018 3: 1 to 4 blocks
      return length >= 10 && length <= 34 && (length - 2) % 8 == 0;
    case TcpOption::kTimestamps:
      return length == 10;
    case TcpOption::kFastOpen:  // RFC 7413 4.1.1: a wrong length costs the option alone
    case TcpOption::kEnd:
    case TcpOption::kNoOperation:
      break;
  }
  return length >= 2;
}

void read_sack(const std::uint8_t* content, std::size_t size, TcpOptions& options) {
  options.sack_count = static_cast<std::uint8_t>(size / 8);
  for (std::size_t i = 0; i < options.sack_count; ++i) {
    options.sack[i] = {WireSeq{load32(content + 8 * i)}, WireSeq{load32(content + 8 * i + 4)}};
  }
}

// RFC 7413 4.1.1: even, 4 to 16 bytes of cookie, or none, which asks for one.
bool cookie_is_legal(std::size_t size) {
  return size == 0 || (size >= 4 && size <= 16 && size % 2 == 0);
}

// `option` is whole and of legal length.
void read_option(Bytes option, bool syn, TcpOptions& options) {
  const std::uint8_t* content = option.data() + 2;
  switch (static_cast<TcpOption>(option[0])) {
    case TcpOption::kMss:
      if (syn) options.mss = load16(content);
      return;
    case TcpOption::kWindowScale:
      if (syn) options.window_scale = content[0];
      return;
    case TcpOption::kSackPermitted:
      if (syn) options.sack_permitted = true;
      return;
    case TcpOption::kSack:
      read_sack(content, option.size() - 2, options);
      return;
    case TcpOption::kTimestamps:
      options.timestamps = Timestamps{load32(content), load32(content + 4)};
      return;
    case TcpOption::kUserTimeout: {
      const std::uint16_t field = load16(content);
      const UserTimeoutOption timeout{(field & 0x8000) != 0,
                                      static_cast<std::uint16_t>(field & 0x7fff)};
      if (timeout.value != 0) options.user_timeout = timeout;  // RFC 5482 2: 0 says nothing
      return;
    }
    case TcpOption::kFastOpen: {
      if (!cookie_is_legal(option.size() - 2)) break;
      FastOpenCookie cookie;
      cookie.length = static_cast<std::uint8_t>(option.size() - 2);
      std::copy_n(content, cookie.length, cookie.bytes.begin());
      if (syn) options.fast_open = cookie;
      return;
    }
    case TcpOption::kEnd:
    case TcpOption::kNoOperation:
      break;
  }
  ++options.unknown;  // MUST-6
}

std::size_t cookie_size(const FastOpenCookie& cookie) {
  return std::min<std::size_t>(cookie.length, cookie.bytes.size());
}

class Writer {
 public:
  explicit Writer(std::uint8_t* to) : begin_(to), at_(to) {}
  void byte(std::uint8_t v) { *at_++ = v; }
  void kind(TcpOption k, std::size_t length) {  // MUST-68
    byte(static_cast<std::uint8_t>(k));
    byte(static_cast<std::uint8_t>(length));
  }
  void no_operation(std::size_t count = 1) {
    while (count-- > 0) byte(static_cast<std::uint8_t>(TcpOption::kNoOperation));
  }
  void word16(std::uint16_t v) {
    store16(at_, v);
    at_ += 2;
  }
  void word32(std::uint32_t v) {
    store32(at_, v);
    at_ += 4;
  }
  std::size_t size() const { return static_cast<std::size_t>(at_ - begin_); }

 private:
  std::uint8_t* begin_;
  std::uint8_t* at_;
};

void write_timestamps(const TcpOptions& options, Writer& w) {
  if (!options.timestamps) return;
  if (options.sack_permitted) {  // two bytes that fill what two no-operations would
    w.kind(TcpOption::kSackPermitted, 2);
  } else {
    w.no_operation(2);
  }
  w.kind(TcpOption::kTimestamps, 10);
  w.word32(options.timestamps->value);
  w.word32(options.timestamps->echo);
}

void write_sack(const TcpOptions& options, std::size_t blocks, Writer& w) {
  if (blocks == 0) return;
  w.no_operation(2);
  w.kind(TcpOption::kSack, 2 + 8 * blocks);
  for (std::size_t i = 0; i < blocks; ++i) {
    w.word32(options.sack[i].begin.value);
    w.word32(options.sack[i].end.value);
  }
}

void write_fast_open(const TcpOptions& options, Writer& w) {
  if (!options.fast_open) return;
  const std::size_t size = cookie_size(*options.fast_open);
  w.kind(TcpOption::kFastOpen, 2 + size);
  for (std::size_t i = 0; i < size; ++i) w.byte(options.fast_open->bytes[i]);
  w.no_operation((4 - (2 + size) % 4) % 4);
}

}  // namespace

TcpOptionLayout lay_out(const TcpOptions& options) {
  TcpOptionLayout layout;
  std::size_t size = 0;
  if (options.mss) size += 4;
  if (options.timestamps) size += 12;  // SACK-permitted fits into its padding
  if (options.sack_permitted && !options.timestamps) size += 4;
  if (options.window_scale) size += 4;
  if (options.fast_open) size += (2 + cookie_size(*options.fast_open) + 3) / 4 * 4;
  const std::size_t wanted = std::min<std::size_t>(options.sack_count, options.sack.size());
  const std::size_t one_block = wanted > 0 ? 12 : 0;
  if (options.user_timeout && size + one_block + 4 <= kMaxTcpOptions) {
    layout.user_timeout = true;
    size += 4;
  }
  if (wanted > 0 && size + 12 <= kMaxTcpOptions) {
    layout.sack_blocks = std::min(wanted, (kMaxTcpOptions - size - 4) / 8);
    size += 4 + 8 * layout.sack_blocks;
  }
  layout.size = size;
  return layout;
}

//  kind 0                end of the list; zeros after it (MUST-69)
//  kind 1                no-operation
//  kind 2   length 4     MSS, 16 bits                                      RFC 9293 3.2
//  kind 3   length 3     window scale, 8 bits                              RFC 7323 2.2
//  kind 4   length 2     SACK-permitted                                    RFC 2018 2
//  kind 5   length 8n+2  SACK, n pairs of 32 bits                          RFC 2018 3
//  kind 8   length 10    timestamps, value and echo of 32 bits             RFC 7323 3.2
//  kind 28  length 4     user timeout, 1 bit of granularity and 15 bits    RFC 5482 2
//  kind 34  length 2+n   fast open cookie of n bytes                       RFC 7413 4.1.1
//  any other: kind, length with both bytes counted, content                RFC 9293 3.2, MUST-68
Parsed<TcpOptions> parse_tcp_options(Bytes bytes, bool syn) {
  TcpOptions options;
  while (!bytes.empty()) {  // each round takes at least one byte away
    const std::uint8_t kind = bytes[0];
    if (kind == static_cast<std::uint8_t>(TcpOption::kEnd)) break;
    if (kind == static_cast<std::uint8_t>(TcpOption::kNoOperation)) {
      bytes = bytes.subspan(1);
      continue;
    }
    // MUST-7
    const bool fits = bytes.size() >= 2 && bytes[1] <= bytes.size();
    if ((!fits || !length_is_legal(kind, bytes[1])) && defended(Defence::OptionLengths)) {
      return tl::unexpected(Counter::EstabTcpBadOption);
    }
    read_option(bytes.first(bytes[1]), syn, options);
    bytes = bytes.subspan(bytes[1]);
  }
  return options;
}

std::size_t tcp_header_size(const TcpOptions& options) {
  return kTcpHeader + lay_out(options).size;
}

std::size_t build_tcp_options(const TcpOptions& options, std::uint8_t* to) {
  const TcpOptionLayout layout = lay_out(options);
  Writer w(to);
  if (options.mss) {
    w.kind(TcpOption::kMss, 4);
    w.word16(*options.mss);
  }
  write_timestamps(options, w);
  if (options.sack_permitted && !options.timestamps) {
    w.no_operation(2);
    w.kind(TcpOption::kSackPermitted, 2);
  }
  if (options.window_scale) {
    w.no_operation();
    w.kind(TcpOption::kWindowScale, 3);
    w.byte(*options.window_scale);
  }
  if (layout.user_timeout) {
    w.kind(TcpOption::kUserTimeout, 4);
    w.word16(static_cast<std::uint16_t>((options.user_timeout->minutes ? 0x8000 : 0) |
                                        (options.user_timeout->value & 0x7fff)));
  }
  write_sack(options, layout.sack_blocks, w);
  write_fast_open(options, w);
  return w.size();
}

}  // namespace estab::wire
