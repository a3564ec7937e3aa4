"""Each segment kind, in each state, at each place against the window; how a state is reached, and
how an answer is written down. One script for both TCPs: only the host that it drives differs."""
import dataclasses

from segments import ACK, FIN, RST, SYN, Segment, flags_text, signed

# In brackets what is otherwise than usual: usually the host opened passively, the application has
# called shutdown() and still reads, there is room for text, and there are no timestamps.
STATES = ("CLOSED", "LISTEN", "SYN-SENT", "SYN-RECEIVED", "SYN-RECEIVED (both opened)",
          "SYN-RECEIVED (older timestamp)", "ESTABLISHED", "ESTABLISHED (window shut)",
          "ESTABLISHED (older timestamp)", "ESTABLISHED (no timestamp)", "FIN-WAIT-1",
          "FIN-WAIT-1 (closed)", "FIN-WAIT-2", "FIN-WAIT-2 (closed)", "CLOSE-WAIT", "CLOSING",
          "CLOSING (closed)", "LAST-ACK", "LAST-ACK (closed)", "TIME-WAIT",
          "TIME-WAIT (newer timestamp)", "TIME-WAIT (older timestamp)")

TEXT = 10
TIMESTAMP = 1_000_000  # of the peer, until the injected segment
TIMESTAMPS = {"older timestamp": TIMESTAMP - 100_000, "newer timestamp": TIMESTAMP + 100_000}
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
    echo: int = 0

    @property
    def base(self):
        """The RFC's state."""
        return self.state.split(" (")[0]

    @property
    def variant(self):
        return self.state[len(self.base):].strip(" ()")

    def stamps(self, value=TIMESTAMP):
        return (value, self.echo) if "timestamp" in self.variant else ()

    def hear(self, segment):
        self.heard.append(segment)
        if segment.flags & RST:
            return
        self.host_port = segment.source
        self.echo = segment.stamps[0] if segment.stamps else 0
        if segment.flags & SYN and not any(s.flags & SYN for s in self.heard[:-1]):
            self.snd_una = segment.seq
            self.snd_nxt = segment.seq
        if signed(segment.end - self.snd_nxt) > 0:
            self.snd_nxt = segment.end
        if segment.flags & ACK:
            right = segment.ack + segment.window
            self.edge = max(self.edge, right) if self.told else right  # windows do not shrink
            self.told = True

    def say(self, flags, ack=None, size=0):
        """A segment of a peer in its right mind."""
        segment = Segment(self.port, self.host_port, self.rcv_nxt, 0, flags, size=size,
                          stamps=self.stamps())
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
        stamps = self.stamps(TIMESTAMPS.get(self.variant)) if self.variant in TIMESTAMPS else ()
        return Segment(self.port, self.host_port, seq, ack & 0xffffffff, flags, size=size, stamps=stamps)


def reach(case, host):
    """Brings the host's end into case.state. Yields how many segments have to come first."""
    state = case.base
    if state in ("CLOSED", "LISTEN"):
        case.host_port = SHUT_PORT if state == "CLOSED" else OPEN_PORT
        return
    if state == "SYN-SENT" or case.variant == "both opened":
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
    if case.variant == "window shut":
        while (room := case.edge - case.rcv_nxt) > 0:
            host.send(case.say(ACK, size=min(room, 1000)))
            yield len(case.heard) + 1
    if state in ("CLOSE-WAIT", "LAST-ACK"):
        host.send(case.say(FIN | ACK))
        yield 2
    if state in ("FIN-WAIT-1", "FIN-WAIT-2", "CLOSING", "TIME-WAIT", "LAST-ACK"):
        before, sent = case.snd_nxt, len(case.heard)
        if case.variant == "closed":
            host.close(case)
        else:
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
    if state is None:
        child = case.base in ("LISTEN", "SYN-RECEIVED") and case.variant != "both opened"
        return "LISTEN" if child else "CLOSED"
    if state == case.base:
        return case.state
    return "SYN-RECEIVED (both opened)" if case.state == "SYN-SENT" and state == "SYN-RECEIVED" else state


def number(value, names):
    for name, known in names:
        if known is not None and value == known & 0xffffffff:
            return name
    return f"{names[0][0]}{signed(value - names[0][1]):+d}"


def answer_text(case, injected, segment, before):
    """ACK: SEQ=SND.NXT, ACK=RCV.NXT; ACK+n: n octets were taken; RST: SEQ=SEG.ACK; RST,ACK: SEQ=0,
    ACK=SEG.SEQ+SEG.LEN. Other numbers are spelled out."""
    snd_nxt, rcv_nxt = before
    text = flags_text(segment.flags) + (f" with {segment.size} octets" if segment.size else "")
    if case.state == "SYN-SENT" and segment.flags == ACK and segment.ack == injected.end:
        return text  # RCV.NXT is what it says
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
        fresh = case.base in ("LISTEN", "TIME-WAIT")
        sound = fresh or segment.seq == (snd_nxt - 1) & 0xffffffff
        first = injected.seq + 1 if injected.flags & SYN else rcv_nxt
        if sound and segment.ack in (first & 0xffffffff, rcv_nxt & 0xffffffff):
            return text
    return f"{text} (SEQ={seq}" + (f", ACK={ack})" if segment.flags & ACK else ")")


def all_cases():
    return [Case(state, kind, place) for state in STATES for kind in KINDS for place in PLACES]
