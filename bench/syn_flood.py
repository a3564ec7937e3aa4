"""A SYN flood, and 1,000 clients that want to connect meanwhile: estab over the memory device (a
million SYNs a second, in virtual time), estab over TUN and Linux over veth (real time), each with
cookies and without."""
import json
import os
import re
import subprocess
import time

CLIENTS = 1000
NEEDED = 300_000  # forged SYNs a second over a real device
ECHO = 7


def values_of(text):
    return {k: float(v) for k, v in (line.split() for line in text.splitlines() if line)}


def memory_device(bench, bin_folder, cookies, seconds):
    out = bench.sh(f"{bin_folder}/bench_syn_flood {cookies} 1000000 {seconds} {CLIENTS}")
    return values_of(out)


def resident_bytes(pid):
    with open(f"/proc/{pid}/statm") as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def linux_counters(inside):
    """TcpExt and Tcp of the namespace that `inside` enters, by their names in nstat."""
    text = subprocess.run(f"{inside} cat /proc/net/netstat /proc/net/snmp".split(),
                          capture_output=True, text=True, check=True).stdout
    lines = text.splitlines()
    found = {}
    for names, numbers in zip(lines[::2], lines[1::2]):
        kind = names.split(":")[0]
        for name, number in zip(names.split()[1:], numbers.split()[1:]):
            found[kind + name] = int(number)
    return found


def lose_answers(bench, device):
    """Forged addresses are somebody else's: answers to them leave this host, as far as it can
    (nft), and cost the measurement little. The queue toward the server is a fast link's."""
    bench.sh(f"ip link set {device} txqueuelen 10000")
    rules = (f"add table netdev {device}; add chain netdev {device} answers "
             f"{{ type filter hook ingress device {device} priority 0; policy accept; }}; "
             f"add rule netdev {device} answers ip daddr 16.0.0.0/4 drop")
    subprocess.run(["nft", rules], capture_output=True)


def estab_counters(bin_folder, name):
    out = subprocess.run([f"{bin_folder}/estab", "counters", "--json", "--stack", name],
                         capture_output=True, text=True)
    return json.loads(out.stdout) if out.returncode == 0 and out.stdout else {}


def flooded(bench, bin_folder, device, host, seconds, rate, mac=""):
    """The flood runs a second longer at each end than the clients may take."""
    flood = bench.start([f"{bin_folder}/bench_flood", "send", device, host, str(ECHO), str(rate),
                         str(seconds + 3), *([mac] if mac else [])])
    time.sleep(1)
    line = [f"{bin_folder}/bench_flood", "clients", host, str(ECHO), str(CLIENTS),
            str(2 * CLIENTS / seconds), str(seconds)]
    clients = subprocess.run(line, capture_output=True, text=True)
    if clients.returncode != 0:
        raise RuntimeError(f"{' '.join(line)}: {clients.stderr.strip()}")
    flood.wait()
    flood.log.seek(0)
    return {**values_of(clients.stdout), **values_of(flood.log.read())}


def over_tun(bench, bin_folder, cookies, seconds, rate):
    device, host, name = f"tflood{cookies}", f"10.79.{cookies}.2", f"flood{cookies}"
    server = bench.start([f"{bin_folder}/estab", "serve", "--device", f"tun:{device}",
                          "--address", f"{host}/24", "--host-address", f"10.79.{cookies}.1/24",
                          "--gateway", f"10.79.{cookies}.1", f"--echo={ECHO}", "--name", name,
                          "--tune", f"tcp_syncookies={cookies}"])
    bench.server = server
    bench.wait_for(host, ECHO)
    lose_answers(bench, device)
    before, memory = estab_counters(bin_folder, name), resident_bytes(server.pid)
    result = flooded(bench, bin_folder, device, host, seconds, rate)
    after = estab_counters(bin_folder, name)
    result["counters"] = {k: after[k] - before.get(k, 0) for k in after
                          if isinstance(after[k], int)}
    result["memory_growth_bytes"] = resident_bytes(server.pid) - memory
    server.terminate()
    return result


def over_veth(bench, bin_folder, cookies, seconds, rate, linux, inside):
    bench.sh(f"{inside} sysctl -qw net.ipv4.tcp_syncookies={cookies}")
    address = bench.sh(f"{inside} cat /sys/class/net/veth1/address 2>/dev/null || "
                       f"{inside} ip -o link show veth1")
    lose_answers(bench, "veth0")
    mac = re.search(r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}", address).group(0)
    before = linux_counters(inside)
    result = flooded(bench, bin_folder, "veth0", linux, seconds, rate, mac)
    after = linux_counters(inside)
    result["counters"] = {k: after[k] - before.get(k, 0) for k in after}
    return result


def line(what, cookies, r):
    counters = r["counters"]
    handled = counters.get("TcpInSegs", 0) / r["seconds"]
    print(f"{what:<24} {cookies:>7} {r['sent'] / r['seconds'] / 1e3:>9.0f} {handled / 1e3:>9.0f} "
          f"{r['connected']:>9.0f} {r['median_ms']:>9.1f} {r['p99_ms']:>9.1f} "
          f"{counters.get('TcpExtSyncookiesSent', 0):>10} "
          f"{counters.get('TcpExtSyncookiesRecv', 0):>6} "
          f"{counters.get('TcpExtTCPReqQFullDrop', 0):>9}", flush=True)
    if "memory_growth_bytes" in r:
        print(f"{'':<24} memory of the process grew by {r['memory_growth_bytes'] / 1e6:.1f} MB, "
              f"options agreed on in {r['agreed']:.0f}, {r['echoed']:.0f} echoed")


def run(bench, bin_folder, linux, seconds, rate, results):
    print(f"\nSYN flood from forged addresses, {CLIENTS} clients of Linux's TCP meanwhile")
    print(f"{'memory device, 1 core':<24} {'cookies':>7} {'all k/s':>9} {'stack k/s':>9} "
          f"{'connected':>9} {'slowest ms':>10} {'heap grew':>10} {'half-open':>9}")
    for cookies in (1, 0):
        r = memory_device(bench, bin_folder, cookies, min(seconds, 5))
        results[f"syn-flood-memory-{cookies}"] = r
        print(f"{'estab':<24} {cookies:>7} {r['syns_per_second_all'] / 1e3:>9.0f} "
              f"{r['syns_per_second_stack'] / 1e3:>9.0f} {r['connected']:>9.0f} "
              f"{r['slowest_connect_ms']:>10.0f} {r['heap_growth_bytes']:>10.0f} "
              f"{r['syn_records']:>9.0f}", flush=True)
    inside = bench.inside
    bench.sh(f"{inside} ip route replace default via 10.78.0.1")
    print(f"\n{'real time':<24} {'cookies':>7} {'sent k/s':>9} {'taken k/s':>9} {'connected':>9} "
          f"{'median ms':>9} {'p99 ms':>9} {'Sent':>10} {'Recv':>6} {'FullDrop':>9}")
    for cookies in (1, 0):
        for what, measure in (
                ("Linux, veth", lambda: over_veth(bench, bin_folder, cookies, seconds, rate,
                                                  linux, inside)),
                ("estab, TUN", lambda: over_tun(bench, bin_folder, cookies, seconds, rate))):
            r = measure()
            results[f"syn-flood-{what.split(',')[0]}-{cookies}"] = r
            line(what, cookies, r)
    bench.sh(f"{inside} sysctl -qw net.ipv4.tcp_syncookies=1")
    verdict(results)


def verdict(results):
    """What the defence promises; False when it did not hold."""
    memory, tun = results["syn-flood-memory-1"], results["syn-flood-estab-1"]
    claims = {
        "memory device: every client connected": memory["connected"] == CLIENTS,
        "memory device: a million SYNs a second": memory["syns_per_second_stack"] >= 1e6,
        "TUN: every client connected": tun["connected"] == CLIENTS,
        f"TUN: {NEEDED} SYNs a second": tun["sent"] / tun["seconds"] >= NEEDED,
        "TUN: memory within 16 MB": tun["memory_growth_bytes"] < 16e6,
        "without cookies clients are locked out":
            results["syn-flood-memory-0"]["connected"] < CLIENTS and
            results["syn-flood-estab-0"]["connected"] < CLIENTS,
    }
    for claim, holds in claims.items():
        print(f"{'ok' if holds else 'NOT':>4}  {claim}")
    results["syn-flood-claims"] = claims
