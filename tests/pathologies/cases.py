"""The ten kinds of finding, each with pathologies that must be found under their name and healthy
twins of which nothing may be said. A case: how subject and peer are set going."""
from collections import namedtuple
import time

Case = namedtuple("Case", "kind name sick what peer knobs descriptors begin expect")

KINDS = {
    1: "CLOSE-WAIT leak", 2: "TIME-WAIT port exhaustion", 3: "SYN-RECEIVED pile",
    4: "SYN-SENT that does not end", 5: "FIN-WAIT-2 that stays",
    6: "FIN-WAIT-1, LAST-ACK that stay", 7: "RSTs", 8: "dead ESTABLISHED",
    9: "descriptors or ports run out", 10: "contradictory settings",
}
CASES = []
PORTS = {"ip_local_port_range": "40000 41099"}  # fewer than 1024 a stack itself calls dangerous


def served(w, case):
    """The subject serves, then the peer calls."""
    assert w.subject.hear() == "ready"
    if case.peer:
        w.peer.ask(f"{case.name} {case.peer}")


def calls(answer=None):
    """The peer serves (or drops), then the subject calls."""
    def begin(w, case):
        if case.peer:
            w.peer.ask(f"{case.name} {case.peer}")
        w.subject.say("go")
        if answer:
            got = w.subject.hear()
            assert got.startswith(answer), got
    return begin


def closes(drop=None):
    """The subject connects, the peer vanishes, the subject closes."""
    def begin(w, case):
        w.peer.ask(f"{case.name} {case.peer}")
        w.subject.say("go")
        assert w.subject.hear() == "connected"
        time.sleep(0.3)  # the peer's FIN, or as much as its window takes
        if drop:
            w.peer.ask(f"drop {drop}")
        w.subject.say("close")
        assert w.subject.hear() == "closed"
    return begin


def talks(drop=None):
    """The peer calls, the subject talks, the peer vanishes."""
    def begin(w, case):
        assert w.subject.hear() == "ready"
        w.peer.ask(f"{case.name} {case.peer}")
        if case.what != "idle":
            time.sleep(0.2)
            w.subject.say("talk")
            assert w.subject.hear() == "talking"
            time.sleep(0.3)
        if drop:
            w.peer.ask(f"drop {drop}")
    return begin


def case(kind, name, what, peer, begin, expect=None, knobs=None, descriptors=None):
    """`expect`: the id of the finding; None: a healthy twin."""
    CASES.append(Case(kind, name, expect is not None, what, peer, knobs or {}, descriptors, begin,
                      expect))


FROM_SUBJECT = "ip saddr 10.88.0.2"

case(1, "close_wait", "drained", "clients", served, "close-wait-leak")
case(1, "close_wait", "unread", "clients", served, "close-wait-leak")
case(1, "close_wait", "late", "clients", served)
case(1, "close_wait", "answering", "answering", served)

case(2, "time_wait", "one_server", "server", calls("made"), "time-wait-ports", PORTS)
case(2, "time_wait", "six_servers", "server", calls("made"), None, PORTS)

case(3, "syn_received", "flood", "flood", served, "syn-flood")
case(3, "syn_received", "lossy", "lossy", served, "syn-lossy")
case(3, "syn_received", "overflow", "overflow", served, "accept-queue-full")
# Cookies for all, as when the queue is full: they come back.
case(3, "syn_received", "flood", "burst", served, None, {"tcp_syncookies": 2})
case(3, "syn_received", "overflow", "trickle", served)

case(4, "syn_sent", "dropped", "dropped", calls("begun"), "syn-sent-no-answer")
case(4, "syn_sent", "no_host", "", calls("begun"), "syn-sent-no-host")
case(4, "syn_sent", "first_lost", "first_lost", calls("begun"))
case(4, "syn_sent", "refused", "", calls("begun"))

case(5, "fin_wait_2", "owned", "holds", calls("begun"), "fin-wait-2-held")
case(5, "fin_wait_2", "orphan", "holds", calls("begun"), "fin-wait-2-orphans")
case(5, "fin_wait_2", "owned", "answers", calls("begun"))
case(5, "fin_wait_2", "orphan", "late", calls("begun"))

case(6, "fin_unanswered", "vanished", "reads", closes(FROM_SUBJECT), "fin-unanswered")
case(6, "fin_unanswered", "last_ack", "last_ack", closes(FROM_SUBJECT), "fin-unanswered")
case(6, "fin_unanswered", "window", "window", closes(), "fin-zero-window")
case(6, "fin_unanswered", "window", "slow", closes())

case(7, "resets", "unread", "clients", served, "reset-unread-data")
case(7, "resets", "linger", "clients", served, "reset-linger")
case(7, "resets", "refused", "clients", served, "reset-no-listener")
case(7, "resets", "closes", "clients", served)

case(8, "dead_established", "backoff", "reads", talks(FROM_SUBJECT), "dead-no-answer")
case(8, "dead_established", "window", "window", talks(), "dead-zero-window")
case(8, "dead_established", "idle", "idle", talks(), "dead-idle")
case(8, "dead_established", "backoff", "lossy", talks())
case(8, "dead_established", "window", "pauses", talks())
case(8, "dead_established", "idle", "idle", talks())

case(9, "exhaustion", "descriptors", "server", calls("standing"), "descriptors-run-out",
     descriptors=200)
case(9, "exhaustion", "ports", "server", calls("standing"), "ports-run-out", PORTS)
case(9, "exhaustion", "descriptors", "server", calls("standing"), descriptors=200)
case(9, "exhaustion", "ports", "server", calls("standing"), None, PORTS)

BAD = {"tcp_tw_reuse": 1, "tcp_timestamps": 0, "tcp_syncookies": 0, "tcp_fin_timeout": 300,
       "somaxconn": 128, "tcp_rmem": "4096 8192 16384"}
GOOD = {"tcp_tw_reuse": 1, "tcp_timestamps": 1, "tcp_syncookies": 2, "tcp_fin_timeout": 20,
        "somaxconn": 2048, "tcp_rmem": "4096 131072 16777216"}
case(10, "settings", "contradictory", "", served, "settings-tw-reuse-without-timestamps", BAD)
case(10, "settings", "unusual", "", served, None, GOOD)
