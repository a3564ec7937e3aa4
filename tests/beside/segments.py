"""IPv4 and TCP by hand: what the raw peer says, and what it hears."""
import dataclasses
import socket
import struct

HOST, PEER = "10.99.0.1", "10.99.0.2"  # the TCP under test; the test itself
FIN, SYN, RST, ACK = 1, 2, 4, 16
NAMES = ((SYN, "SYN"), (FIN, "FIN"), (RST, "RST"), (ACK, "ACK"))


@dataclasses.dataclass
class Segment:
    source: int  # ports
    destination: int
    seq: int
    ack: int
    flags: int
    window: int = 65535
    size: int = 0  # octets of text
    stamps: tuple = ()  # TSval, TSecr

    @property
    def length(self):
        """SEG.LEN: SYN and FIN count."""
        return self.size + bool(self.flags & SYN) + bool(self.flags & FIN)

    @property
    def end(self):
        return (self.seq + self.length) & 0xffffffff


def signed(number):
    """A difference of sequence numbers, the short way round."""
    number &= 0xffffffff
    return number - (1 << 32) if number >= 1 << 31 else number


def flags_text(flags):
    return ",".join(name for bit, name in NAMES if flags & bit) or "none"


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def build(segment):
    """The IPv4 packet, from the peer to the host. A SYN says its MSS."""
    options = struct.pack("!BBH", 2, 4, 1460) if segment.flags & SYN else b""
    if segment.stamps:
        options += struct.pack("!BBBBII", 1, 1, 8, 10, *segment.stamps)
    tcp = struct.pack("!HHIIBBHHH", segment.source, segment.destination,
                      segment.seq & 0xffffffff, segment.ack & 0xffffffff,
                      (20 + len(options)) // 4 << 4, segment.flags, segment.window, 0, 0)
    tcp += options + b"x" * segment.size
    source, destination = socket.inet_aton(PEER), socket.inet_aton(HOST)
    pseudo = source + destination + struct.pack("!BBH", 0, 6, len(tcp))
    tcp = tcp[:16] + struct.pack("!H", checksum(pseudo + tcp)) + tcp[18:]
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), 0, 0x4000, 64, 6, 0, source,
                     destination)
    return ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:] + tcp


def parse(packet):
    """The segment of an IPv4 packet from the host to the peer; None when it is something else."""
    if len(packet) < 40 or packet[0] >> 4 != 4 or packet[9] != 6:
        return None
    ip = (packet[0] & 15) * 4
    if packet[12:20] != socket.inet_aton(HOST) + socket.inet_aton(PEER):
        return None
    total = struct.unpack_from("!H", packet, 2)[0]
    source, destination, seq, ack, offset, flags, window = struct.unpack_from("!HHIIBBH", packet, ip)
    text = ip + (offset >> 4) * 4
    return Segment(source, destination, seq, ack, flags & (FIN | SYN | RST | ACK), window, total - text,
                   timestamps(packet[ip + 20:text]))


def timestamps(options):
    at = 0
    while at < len(options) and options[at] != 0:
        if options[at] == 8:
            return struct.unpack_from("!II", options, at + 2)
        at += 1 if options[at] == 1 else options[at + 1]
    return ()
