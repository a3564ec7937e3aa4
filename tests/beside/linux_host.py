"""Linux's TCP as the host: sockets of this process on one end of a device, the peer on the other.
To be made inside a network namespace of one's own."""
import fcntl
import os
import select
import socket
import struct
import subprocess
import time

from cases import OPEN_PORT
from segments import HOST, PEER, build, parse

STATES = ("", "ESTABLISHED", "SYN-SENT", "SYN-RECEIVED", "FIN-WAIT-1", "FIN-WAIT-2", "TIME-WAIT",
          "CLOSED", "CLOSE-WAIT", "LAST-ACK", "LISTEN", "CLOSING")
PATIENCE = 5.0  # seconds for what must come
# Linux's timers wait longer than any answer takes: what is heard then was not said by a timer.
ROUTE = f"ip route replace {PEER}/32 dev beside0 rto_min 5s"


def run(line):
    subprocess.run(line.split(), check=True, capture_output=True)


def settings():
    for name, value in (("core/somaxconn", 4096), ("ipv4/tcp_max_syn_backlog", 4096)):
        with open(f"/proc/sys/net/{name}", "w", encoding="ascii") as f:
            f.write(str(value))


class TunWire:
    def __init__(self):
        self.fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(self.fd, 0x400454ca, struct.pack("16sH22x", b"beside0", 0x1001))  # TUN, NO_PI
        run("ip link set beside0 txqueuelen 10000 up")
        run(f"ip addr add {HOST}/24 dev beside0")

    def write(self, packet):
        os.write(self.fd, packet)

    def read(self):
        return os.read(self.fd, 65536)


class VethWire:
    """Where /dev/net/tun may not be opened."""

    def __init__(self):
        run("ip link add beside0 type veth peer name beside1")
        run("ip link set beside0 up")
        run("ip link set beside1 up")
        run(f"ip addr add {HOST}/24 dev beside0")
        run(f"ip neigh replace {PEER} lladdr 02:00:00:00:00:02 dev beside0")
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800))
        self.socket.bind(("beside1", 0))
        self.socket.setblocking(False)
        self.fd = self.socket.fileno()
        found = fcntl.ioctl(self.fd, 0x8927, struct.pack("256s", b"beside0"))  # SIOCGIFHWADDR
        self.head = found[18:24] + b"\2\0\0\0\0\2\x08\0"

    def write(self, packet):
        self.socket.send(self.head + packet)

    def read(self):
        return self.socket.recv(65536)[14:]


class LinuxHost:
    def __init__(self):
        run("ip link set lo up")
        settings()
        self.wire = TunWire() if os.access("/dev/net/tun", os.R_OK | os.W_OK) else VethWire()
        run(ROUTE)
        self.door = socket.socket()
        self.door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.door.bind((HOST, OPEN_PORT))
        self.door.listen(4096)
        self.door.settimeout(PATIENCE)
        self.sockets = {}  # by the peer's port
        self.cases = {}
        self.next_port = 10000

    # --- what the script of a state says
    def send(self, segment):
        self.wire.write(build(segment))

    def connect(self, case):
        s = socket.socket()
        s.setblocking(False)
        s.connect_ex((PEER, case.port))
        self.sockets[case.port] = s

    def accept(self, case):
        while case.port not in self.sockets:
            s, (_, port) = self.door.accept()
            self.sockets[port] = s

    def shutdown(self, case):
        self.sockets[case.port].shutdown(socket.SHUT_WR)

    def close(self, case):
        self.sockets.pop(case.port).close()

    # --- what happens around it
    def begin(self, cases):
        for s in self.sockets.values():
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            s.close()
        self.sockets = {}
        for case in cases:
            case.port = self.next_port
            self.next_port = self.next_port + 1 if self.next_port < 60000 else 10000
        self.cases = {case.port: case for case in cases}

    def listen_for(self, seconds, enough=lambda: False):
        """Hears what the host says, for so long or until it is enough."""
        end = time.monotonic() + seconds
        while not enough():
            left = max(end - time.monotonic(), 0)
            if not select.select([self.wire.fd], [], [], left)[0]:
                break  # the time is over, and nothing is left to read
            segment = parse(self.wire.read())
            if segment and segment.destination in self.cases:
                self.cases[segment.destination].hear(segment)

    def wait(self, case, count):
        self.listen_for(PATIENCE, lambda: len(case.heard) >= count)

    def pause(self, seconds):
        self.listen_for(seconds)

    def states(self):
        """By the peer's port: the state, and the seconds left of its TIME-WAIT."""
        found = {}
        with open("/proc/net/tcp", encoding="ascii") as f:
            for line in list(f)[1:]:
                columns = line.split()
                port = int(columns[2].split(":")[1], 16)
                left = int(columns[5].split(":")[1], 16) / os.sysconf("SC_CLK_TCK")
                if port in self.cases:
                    found[port] = (STATES[int(columns[3], 16)], left)
        return found
