"""Each segment kind, in each state, at each place against the window; how a state is reached, and
how an answer is written down. One script for both TCPs: only the host that it drives differs."""
import dataclasses

from segments import ACK, FIN, RST, SYN, Segment, flags_text, signed

STATES = ("CLOSED", "LISTEN", "SYN-SENT", "SYN-RECEIVED", "SYN-RECEIVED (both opened)",
          "ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2", "CLOSE-WAIT", "CLOSING", "LAST-ACK",
          "TIME-WAIT")

TEXT = 10
# Name, flags, octets of text, what SEG.ACK says: everything that was sent ("all"), or otherwise.
KINDS = {
    "SYN": (SYN, 0, None), "SYN,ACK": (SYN | ACK, 0, "all"), "ACK": (ACK, 0, "all"),
    "ACK of nothing new": (ACK, 0, "una"), "ACK too old": (ACK, 0, "old"),
    "ACK too new": (ACK, 0, "new"), "data": (ACK, TEXT, "all"), "FIN": (FIN, 0, None),
    "FIN,ACK": (FIN | ACK, 0, "all"), "RST": (RST, 0, None), "RST,ACK": (RST | ACK, 0, "all"),
    "SYN,FIN": (SYN | FIN, 0, None), "none": (0, 0, None),
}

# SEG.SEQ, from RCV.NXT or from RCV.NXT+RCV.WND, the first octet that is not allowed.
PLACES = {
    "left": ("nxt", -1000), "one before": ("nxt", -1), "left edge": ("nxt", 0),
    "inside": ("nxt", 100), "last octet": ("edge", -1), "right edge": ("edge", 0),
    "right": ("edge", 1000),
}

OPEN_PORT, SHUT_PORT = 7000, 7999


@dataclasses.dataclass
class Case:
    """One connection, seen from its peer: the numbers are named as the host's TCB has them."""
    state: str
    kind: str  # "" for a control connection, to which nothing is done
    place: str
    port: int = 0  # the peer's
    host_port: int = OPEN_PORT
    rcv_nxt: int = 3_000_000
    edge: int = 3_000_000 + 65535
    snd_una: int = 5_000_000  # until the host has sent something: what a stranger would claim
    snd_nxt: int = 5_000_000
    told: bool = False  # the host has named its window
    heard: list = dataclasses.field(default_factory=list)

    def hear(self, segment):
        self.heard.append(segment)
        if segment.flags & RST:
            return
        self.host_port = segment.source
        if segment.flags & SYN and not any(s.flags & SYN for s in self.heard[:-1]):
            self.snd_una = segment.seq
            self.snd_nxt = segment.seq
        if signed(segment.end - self.snd_nxt) > 0:
            self.snd_nxt = segment.end
        if segment.flags & ACK:
            right = segment.ack + segment.window
            self.edge = max(self.edge, right) if self.told else right  # windows do not shrink
            self.told = True

    def say(self, flags, ack=None):
        """A segment of a peer in its right mind."""
        segment = Segment(self.port, self.host_port, self.rcv_nxt, 0, flags)
        if flags & ACK:
            self.snd_una = self.snd_nxt if ack is None else ack
            segment.ack = self.snd_una
        self.rcv_nxt += segment.length
        return segment

    def injection(self):
        flags, size, acknowledged = KINDS[self.kind]
        base, offset = PLACES[self.place]
        ack = {None: 0, "all": self.snd_nxt, "una": self.snd_una, "old": self.snd_una - 100_000,
               "new": self.snd_nxt + 1}[acknowledged]
        seq = (self.rcv_nxt if base == "nxt" else self.edge) + offset
        return Segment(self.port, self.host_port, seq, ack & 0xffffffff, flags, size=size)


def reach(case, host):
    """Brings the host's end into case.state. Yields how many segments have to come first."""
    state = case.state
    if state in ("CLOSED", "LISTEN"):
        case.host_port = SHUT_PORT if state == "CLOSED" else OPEN_PORT
        return
    if state in ("SYN-SENT", "SYN-RECEIVED (both opened)"):
        host.connect(case)
        yield 1
        if state != "SYN-SENT":
            host.send(case.say(SYN))
            yield 2
        return
    host.send(case.say(SYN))
    yield 1
    if state == "SYN-RECEIVED":
        return
    host.send(case.say(ACK))
    host.accept(case)
    if state in ("CLOSE-WAIT", "LAST-ACK"):
        host.send(case.say(FIN | ACK))
        yield 2
    if state in ("FIN-WAIT-1", "FIN-WAIT-2", "CLOSING", "TIME-WAIT", "LAST-ACK"):
        before, sent = case.snd_nxt, len(case.heard)
        host.shutdown(case)
        yield sent + 1
        if state == "CLOSING":
            host.send(case.say(FIN | ACK, ack=before))
            yield sent + 2
        if state in ("FIN-WAIT-2", "TIME-WAIT"):
            host.send(case.say(ACK))
        if state == "TIME-WAIT":
            host.send(case.say(FIN | ACK))
            yield sent + 2


def after(case, state):
    """The state, as the RFC names it: a child that ends before it is accepted leaves LISTEN."""
    if state is None and case.state in ("LISTEN", "SYN-RECEIVED"):
        return "LISTEN"
    if state is None:
        return "CLOSED"
    if state == "SYN-RECEIVED" and case.state in ("SYN-SENT", "SYN-RECEIVED (both opened)"):
        return "SYN-RECEIVED (both opened)"
    return state


def number(value, names):
    for name, known in names:
        if known is not None and value == known & 0xffffffff:
            return name
    return f"{names[0][0]}{signed(value - names[0][1]):+d}"


def answer_text(case, injected, segment, before):
    """ACK: <SEQ=SND.NXT><ACK=RCV.NXT>, ACK+n: n octets were taken; RST: <SEQ=SEG.ACK>;
    RST,ACK: <SEQ=0><ACK=SEG.SEQ+SEG.LEN>. Other numbers are spelled out."""
    snd_nxt, rcv_nxt = before
    text = flags_text(segment.flags) + (f" with {segment.size} octets" if segment.size else "")
    taken = signed(segment.ack - rcv_nxt)
    if segment.flags == ACK and segment.seq == snd_nxt & 0xffffffff and 0 <= taken <= TEXT + 1:
        return text + (f"+{taken}" if taken else "")
    seq = number(segment.seq, [("SND.NXT", snd_nxt), ("0", 0)])
    ack = number(segment.ack, [("RCV.NXT", rcv_nxt), ("SEG.SEQ+SEG.LEN", injected.end)])
    if segment.flags == RST and injected.flags & ACK and segment.seq == injected.ack:
        return text
    if segment.flags == RST | ACK and segment.seq == 0 and segment.ack == injected.end:
        return text
    if segment.flags == SYN | ACK:
        fresh = case.state in ("LISTEN", "TIME-WAIT")
        sound = fresh or segment.seq == (snd_nxt - 1) & 0xffffffff
        first = injected.seq + 1 if injected.flags & SYN else rcv_nxt
        if sound and segment.ack in (first & 0xffffffff, rcv_nxt & 0xffffffff):
            return text
    return f"{text} <SEQ={seq}>" + (f"<ACK={ack}>" if segment.flags & ACK else "")


def all_cases():
    return [Case(state, kind, place) for state in STATES for kind in KINDS for place in PLACES]
