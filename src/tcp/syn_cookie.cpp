#include "tcp/syn_cookie.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/defence.h"
#include "tcp/isn.h"
#include "tcp/mss.h"

namespace estab::tcp {
namespace {

// What most paths carry, in rising order: Ethernet's and jumbo frames' for both families, tunnels,
// what is assumed of a peer that says nothing (MUST-15), and the least that anyone may impose.
constexpr std::array<std::uint16_t, 8> kMss{48, 536, 1220, 1320, 1400, 1440, 1460, 8940};
constexpr std::uint32_t kMssMask = 0x7;
constexpr std::uint32_t kEpochBit = 0x8;
constexpr std::uint32_t kPlainBits = kMssMask | kEpochBit;

// The low bits of TSval.
constexpr std::uint32_t kScaleMask = 0xf;
constexpr std::uint32_t kNoScale = 0xf;
constexpr std::uint32_t kSack = 0x10;
constexpr std::uint32_t kEcn = 0x20;
constexpr std::uint32_t kOptionMask = 0x3f;
constexpr std::uint32_t kOptionRange = 0x40;  // ms that the timestamp loses in sharpness

// The largest of the table that the peer can take (MUST-16).
std::uint32_t mss_index(std::uint16_t mss) {
  const auto above = std::upper_bound(kMss.begin(), kMss.end(), mss);
  return above == kMss.begin() ? 0 : static_cast<std::uint32_t>(above - kMss.begin()) - 1;
}

std::uint32_t option_bits(const SynRecord& r) {
  return (r.wscale_ok ? r.snd_wnd_shift : kNoScale) | (r.sack_ok ? kSack : 0) |
         (r.ecn_ok ? kEcn : 0);
}

// Everything that has to be the same when the ACK comes: also our window's scale, which would be
// another one had the operator turned tcp_rmem_max meanwhile.
std::uint32_t agreement(std::uint32_t mss, std::uint32_t options, const SynRecord& r) {
  return mss | options << 3 | (r.ts_ok ? 1u : 0u) << 9 | std::uint32_t{r.rcv_wnd_shift} << 10;
}

// Never later than now: the peer's echo must not lie in our future.
std::uint32_t timestamp_with(std::uint32_t options, std::uint32_t clock) {
  const std::uint32_t stamp = (clock & ~kOptionMask) | options;
  return (clock & kOptionMask) < options ? stamp - kOptionRange : stamp;
}

std::int64_t epoch_of(Instant now) { return now.time_since_epoch() / SynCookies::kEpoch; }

// What of a SYN's options comes back without timestamps: nothing, so nothing is agreed on.
void forget_options(SynRecord& r) {
  r.wscale_ok = r.sack_ok = r.ecn_ok = false;
  r.snd_wnd_shift = r.rcv_wnd_shift = 0;
}

void set_options(SynRecord& r, std::uint32_t options, const Tuning& tuning) {
  const std::uint32_t scale = options & kScaleMask;
  r.wscale_ok = scale != kNoScale;
  r.snd_wnd_shift = static_cast<std::uint8_t>(r.wscale_ok ? scale : 0);
  r.rcv_wnd_shift = r.wscale_ok ? window_shift_for(tuning) : std::uint8_t{0};
  r.sack_ok = (options & kSack) != 0;
  r.ecn_ok = (options & kEcn) != 0 && tuning.tcp_ecn != 0;
}

}  // namespace

const SipKey& SynCookies::key_of(std::int64_t epoch) {
  EpochKey& k = keys_[static_cast<std::size_t>(epoch & 1)];
  if (k.epoch != epoch) {
    std::array<std::uint8_t, 9> message{};
    store_be64(message.data(), static_cast<std::uint64_t>(epoch));
    k.epoch = epoch;
    k.key.words[0] = siphash(secret_, message);
    message[8] = 1;
    k.key.words[1] = siphash(secret_, message);
  }
  return k.key;
}

std::uint32_t SynCookies::hash(std::int64_t epoch, std::uint64_t name, WireSeq irs,
                               std::uint32_t agreed) {
  if (!defended(Defence::CookieSecret)) return 0;  // what anybody can compute
  std::array<std::uint8_t, 16> message;
  store_be64(message.data(), name);
  store_be32(message.data() + 8, irs.value);
  store_be32(message.data() + 12, agreed);
  return static_cast<std::uint32_t>(siphash(key_of(epoch), message)) & ~kPlainBits;
}

wire::Segment SynCookies::seal(SynRecord r, const Settings& settings, std::uint64_t name,
                               Instant now) {
  if (!r.ts_ok || !defended(Defence::CookieOptions)) forget_options(r);
  const std::int64_t epoch = epoch_of(now);
  const std::uint32_t options = option_bits(r);
  const std::uint32_t mss = mss_index(r.peer_mss);
  const std::uint32_t sealed = hash(epoch, name, r.irs, agreement(mss, options, r));
  r.iss = {sealed | ((epoch & 1) != 0 ? kEpochBit : 0) | mss};
  wire::Segment syn_ack = make_syn_ack(r, settings, now);
  if (r.ts_ok) {
    syn_ack.options.timestamps->value = timestamp_with(options, timestamp_clock(now)) + r.ts_offset;
  }
  return syn_ack;
}

std::optional<SynRecord> SynCookies::open(const wire::Segment& ack, std::uint64_t name,
                                          const SynParameters& with, const Context& context) {
  const std::uint32_t cookie = ack.ack.value - 1;
  const std::uint32_t clock = timestamp_clock(context.now);
  SynRecord r;
  r.tuple = ack.tuple;
  r.iss = {cookie};
  r.irs = {ack.seq.value - 1};
  r.ts_offset = with.ts_offset;
  r.created_at = to_millis(context.now);
  r.our_mss = with.our_mss;
  r.peer_window = ack.window;
  r.rcv_wnd = offered_window(*with.settings);
  r.tos = with.settings->tos;
  r.cookie = true;
  std::uint32_t options = kNoScale;
  if (context.tuning.tcp_timestamps != 0 && ack.options.timestamps) {
    const std::uint32_t stamp = ack.options.timestamps->echo - with.ts_offset;
    const std::uint32_t age = clock - (stamp & ~kOptionMask);
    if (milliseconds_of(age) > kValidity + milliseconds_of(kOptionRange)) return std::nullopt;
    r.ts_ok = true;
    r.ts_recent = ack.options.timestamps->value;
    options = stamp & kOptionMask;
  }
  set_options(r, options, context.tuning);
  const std::uint32_t mss = cookie & kMssMask;
  r.peer_mss = std::max(kMss[mss], static_cast<std::uint16_t>(context.tuning.tcp_min_snd_mss));
  // Its lowest bit says which of the two epochs that are still good: one hash decides.
  std::int64_t epoch = epoch_of(context.now);
  if (((epoch & 1) != 0) != ((cookie & kEpochBit) != 0)) --epoch;
  if (epoch < 0) return std::nullopt;
  const std::uint32_t expected = hash(epoch, name, r.irs, agreement(mss, options, r));
  return (cookie & ~kPlainBits) == expected ? std::optional(r) : std::nullopt;
}

}  // namespace estab::tcp
