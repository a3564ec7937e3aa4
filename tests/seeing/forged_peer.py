"""A TCP peer made of packets, behind a TUN device: it acknowledges what it is told to and nothing else,
so that Linux's side stays in whatever state a test wants to look at."""
import fcntl
import os
import select
import socket
import struct
import time

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 1, 0x1000


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


class Wire:
    """A TUN device and what lies behind it."""

    def __init__(self, name):
        self.fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        fcntl.ioctl(self.fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))

    def send(self, source, target, sport, dport, seq, ack, flags, window=65535, data=b""):
        v6 = ":" in source
        family = socket.AF_INET6 if v6 else socket.AF_INET
        src, dst = socket.inet_pton(family, source), socket.inet_pton(family, target)
        segment = struct.pack("!HHIIBBHHH", sport, dport, seq % 2**32, ack % 2**32, 5 << 4, flags, window, 0, 0)
        segment += data
        pseudo = src + dst + (struct.pack("!IHBB", len(segment), 0, 0, 6) if v6 else struct.pack("!BBH", 0, 6, len(segment)))
        value = checksum(pseudo + segment)
        segment = segment[:16] + struct.pack("!H", value) + segment[18:]
        if v6:
            header = struct.pack("!IHBB", 6 << 28, len(segment), 6, 64) + src + dst
        else:
            header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(segment), 0, 0, 64, 6, 0) + src + dst
            header = header[:10] + struct.pack("!H", checksum(header)) + header[12:]
        os.write(self.fd, header + segment)

    def receive(self, wanted, patience=3.0):
        """The next segment that wanted(sport, dport, flags) takes: (sport, dport, seq, ack, flags)."""
        end = time.monotonic() + patience
        while time.monotonic() < end:
            if not select.select([self.fd], [], [], 0.1)[0]:
                continue
            packet = os.read(self.fd, 65535)
            v6 = packet[0] >> 4 == 6
            if packet[6 if v6 else 9] != 6:
                continue
            segment = packet[40:] if v6 else packet[(packet[0] & 15) * 4:]
            sport, dport, seq, ack, _, flags = struct.unpack("!HHIIBB", segment[:14])
            if wanted(sport, dport, flags):
                return sport, dport, seq, ack, flags
        raise TimeoutError("the segment did not come")


class Peer:
    """One end of a connection with Linux's `port` at `host`."""

    def __init__(self, wire, source, host, sport, port):
        self.wire, self.names = wire, (source, host, sport, port)
        self.seq, self.ack = 1000, 0

    def send(self, flags, window=65535, data=b""):
        self.wire.send(*self.names, self.seq, self.ack, flags, window, data)
        self.seq += len(data) + bool(flags & (SYN | FIN))

    def syn(self):
        self.send(SYN)

    def connect(self, window=65535):
        self.syn()
        mine = self.names[2]
        _, _, seq, _, _ = self.wire.receive(lambda s, d, f: d == mine and f & SYN)
        self.ack = seq + 1
        self.send(ACK, window)

    def hear_fin(self):
        mine = self.names[2]
        _, _, seq, _, _ = self.wire.receive(lambda s, d, f: d == mine and f & FIN)
        self.ack = seq + 1
