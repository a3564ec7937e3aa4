// Micro-benchmarks of the parts that every segment passes. `bench_micro --benchmark_filter=...`
#include <benchmark/benchmark.h>

#include "base/siphash.h"
#include "support/tcp_bench.h"
#include "wire/wire.h"

namespace {

using namespace estab;

void checksum(benchmark::State& state) {
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(state.range(0)), 0x5a);
  for (auto _ : state) benchmark::DoNotOptimize(wire::checksum_add(0, bytes));
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(checksum)->Arg(64)->Arg(1460)->Arg(65536);

void hash_of_a_tuple(benchmark::State& state) {
  const SipKey key{{1, 2}};
  const FourTuple tuple = estab::testing::test_tuple();
  for (auto _ : state) benchmark::DoNotOptimize(siphash(key, tuple));
}
BENCHMARK(hash_of_a_tuple);

void parse_a_segment(benchmark::State& state) {
  wire::Segment s;
  s.tuple = estab::testing::test_tuple().reversed();
  s.flags = wire::kAck;
  s.options.timestamps = wire::Timestamps{1, 2};
  s.payload.append(Slice::copy_of(std::vector<std::uint8_t>(1448, 'x')));
  Buffer packet = Buffer::allocate(2048);
  wire::IpPacket ip;
  ip.source = s.tuple.local.address;
  ip.destination = s.tuple.remote.address;
  ip.protocol = 6;
  const std::size_t tcp_size = wire::tcp_header_size(s) + s.payload.size();
  const std::size_t at = wire::build_ip(ip, tcp_size, packet.data());
  const std::size_t header = wire::build_tcp(s, packet.data() + at);
  s.payload.copy_to(packet.data() + at + header);
  const Bytes bytes{packet.data(), at + tcp_size};
  for (auto _ : state) {
    const auto parsed = wire::parse_ip(bytes);
    benchmark::DoNotOptimize(wire::parse_tcp(*parsed, packet, false));
  }
}
BENCHMARK(parse_a_segment);

// Data in order into an established connection, read at once: the receive path of the core.
void receive_a_segment(benchmark::State& state) {
  estab::testing::OneEnd c;
  c.establish({.mss = 1460});
  const std::vector<std::uint8_t> text(1448, 'x');
  const Slice slice = Slice::copy_of(text);
  std::vector<std::uint8_t> out(4096);
  wire::Segment s = c.build({.seq = c.peer_next, .ack = estab::testing::OneEnd::kIss + 1});
  s.payload.append(slice);
  for (auto _ : state) {
    auto context = c.world.context();
    c.c.on_segment(s, context);
    s.seq.value += 1448;
    benchmark::DoNotOptimize(c.c.receive(out, false, context));
    c.c.transmit(context);
    c.world.segments.clear();
  }
}
BENCHMARK(receive_a_segment);

void open_and_close(benchmark::State& state) {
  for (auto _ : state) {
    estab::testing::OneEnd c;
    c.reach(State::TimeWait);
    benchmark::DoNotOptimize(c.c.state());
  }
}
BENCHMARK(open_and_close);

}  // namespace
