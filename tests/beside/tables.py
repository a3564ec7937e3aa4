"""What is made of the two halves: the reasons, the matrix, and the pages that show them."""
import fnmatch
import pathlib
import re

from cases import KINDS, PLACES, STATES

HERE = pathlib.Path(__file__).resolve().parent
DOCS = HERE.parents[1] / "docs"
LINUX_TSV, REASONS_TSV = HERE / "linux.tsv", HERE / "reasons.tsv"
MATRIX, DIFFERENCES = DOCS / "beside-linux.md", DOCS / "differences.md"
BEGIN = "<!-- beside: drawn by tests/beside/beside.py --write, the reasons from tests/beside/reasons.tsv -->"
END = "<!-- end of beside -->"
NO_WINDOW = ("CLOSED", "LISTEN", "SYN-SENT")


# --- Linux's answers, as they were seen

def read_linux():
    """(kernel, answers)"""
    lines = LINUX_TSV.read_text().splitlines()
    found = {}
    for line in lines[2:]:
        state, kind, *cells = line.split("\t")
        for place, cell in zip(PLACES, cells, strict=True):
            found[state, kind, place] = tuple(cell.split(" => "))
    return lines[0].removeprefix("# Linux "), found


def linux_text(kernel, found):
    lines = [f"# Linux {kernel}", "# " + "\t".join(["state", "segment", *PLACES])]
    for state in STATES:
        for kind in KINDS:
            lines.append("\t".join([state, kind] + [" => ".join(found[state, kind, p]) for p in PLACES]))
    return "\n".join(lines) + "\n"


# --- reasons

class Reason:
    def __init__(self, line):
        self.name, states, kinds, places, self.estab, self.linux, self.rfc, self.why = line.split("\t")
        self.states, self.kinds, self.places = (w.split(" | ") for w in (states, kinds, places))
        self.used = 0

    def fits(self, key, estab, linux):
        state, kind, place = key
        named = any(s in ("*", state, state.split(" (")[0]) for s in self.states)
        named = named and (kind in self.kinds or self.kinds == ["*"])
        named = named and (place in self.places or self.places == ["*"])
        return named and fnmatch.fnmatchcase(" => ".join(estab), self.estab) \
            and fnmatch.fnmatchcase(" => ".join(linux), self.linux)


def read_reasons():
    return [Reason(line) for line in REASONS_TSV.read_text().splitlines() if not line.startswith("#")]


def explain(estab, linux, reasons):
    """({key: index of its reason}, [what is wrong])"""
    found, wrong = {}, []
    for key, ours in estab.items():
        if ours == linux[key]:
            continue
        fitting = [i for i, r in enumerate(reasons) if r.fits(key, ours, linux[key])]
        if not fitting:
            wrong.append(f"no reason: {key[1]} in {key[0]} at {key[2]}: estab {' => '.join(ours)}, "
                         f"Linux {' => '.join(linux[key])}")
            continue
        found[key] = fitting[0]
        reasons[fitting[0]].used += 1
    for r in reasons:
        if not r.used:
            wrong.append(f"the reason '{r.name}' explains nothing")
        if not re.match(r"RFC \d+ [\d.A]+", r.rfc):
            wrong.append(f"the reason '{r.name}' cites no RFC and section")
    return found, wrong


# --- pages

def what(answer, state):
    said, to = answer
    said = "nothing" if said == "-" else said
    if to == state:
        return said
    return f"{said} → {'2 MSL anew' if to == 'TIME-WAIT anew' else to}"


def spans(names):
    """Variants of a state in one pair of brackets."""
    found = {}
    for name in names:
        base, _, variant = name.partition(" (")
        found.setdefault(base, []).append(variant.removesuffix(")") or "usual")
    return ", ".join(base if variants == ["usual"] else f"{base} ({'; '.join(variants)})"
                     for base, variants in found.items())


def rows_of_differences(estab, linux, found):
    """Cells with the same answers on both sides, put together: first the places, then the states."""
    places, states = {}, {}
    for key, reason in found.items():
        state, kind, place = key
        row = reason, kind, what(estab[key], state), what(linux[key], state)
        places.setdefault((row, state), []).append(place)
    for (row, state), at in places.items():
        at = "anywhere" if len(at) == len(PLACES) else ", ".join(at)
        states.setdefault((row, at), []).append(state)
    return sorted(((*row, at, spans(where)) for (row, at), where in states.items()),
                  key=lambda r: r[0])


def differences_text(kernel, estab, linux, found, reasons):
    lines = [BEGIN, "",
             f"{len(estab)} segments out of nowhere: each of {len(KINDS)} kinds, in each of {len(STATES)} states, at each of "
             f"{len(PLACES)} places against the window, to estab and to Linux {kernel}. {len(found)} are answered otherwise "
             "than Linux answers them, each for one of these reasons. All answers: [beside-linux.md](beside-linux.md).", ""]
    for i, r in enumerate(reasons, 1):
        lines.append(f"{i}. **{r.name}** ({r.rfc}; {r.used} segment{'s' * (r.used != 1)}). {r.why}")
    lines += ["", "| reason | state | segment | where | estab | Linux |", "|---|---|---|---|---|---|"]
    for reason, kind, ours, theirs, at, where in rows_of_differences(estab, linux, found):
        lines.append(f"| {reason + 1} | {where} | {kind} | {at} | {ours} | {theirs} |")
    return "\n".join([*lines, "", END])


HEAD = """# Beside Linux, segment by segment

Drawn by `tests/beside/beside.py --write`, compared by CI. Each cell is one fresh connection in that state and one segment
out of nowhere: what estab answers, and → where it goes when it does not stay. Where Linux {kernel} answers otherwise, its
answer follows in bold with the number of the reason in [differences.md](differences.md#segment-by-segment).

Places: "left" is RCV.NXT-1000, "one before" RCV.NXT-1, "left edge" RCV.NXT, "inside" RCV.NXT+100, "last octet"
RCV.NXT+RCV.WND-1, "right edge" RCV.NXT+RCV.WND, "right" 1000 beyond it. An ACK acknowledges all that was sent, unless it
says otherwise; "too old" is 100,000 below SND.UNA, "too new" is SND.NXT+1; data are 10 octets; "none" has no flag.

Answers: ACK has SEQ=SND.NXT and ACK=RCV.NXT, ACK+n has taken n numbers, RST has SEQ=SEG.ACK, RST,ACK has SEQ=0 and
ACK=SEG.SEQ+SEG.LEN; other numbers are written out. An answer is what comes within 100 ms.

A listener stands; the host opened passively, where there is a choice; where its application has closed it has called
shutdown() and still reads; there is room for text; there are no timestamps. In brackets what is otherwise: "both opened"
at once; "closed" by close(); "window shut", RCV.WND is 0; timestamps are agreed on, and the segment's is older, newer, or
missing.
"""


def cell_text(key, estab, linux, found):
    text = what(estab[key], key[0])
    if key in found:
        text += f"; **{what(linux[key], key[0])}** [{found[key] + 1}]"
    return text


def matrix_text(kernel, estab, linux, found):
    lines = [HEAD.format(kernel=kernel)]
    for state in STATES:
        texts = {kind: [cell_text((state, kind, p), estab, linux, found) for p in PLACES] for kind in KINDS}
        places = list(PLACES)
        if state in NO_WINDOW and all(len(set(cells)) == 1 for cells in texts.values()):
            places, texts = ["anywhere"], {kind: cells[:1] for kind, cells in texts.items()}
        lines += [f"## {state}", "", "| segment | " + " | ".join(places) + " |", "|---" * (len(places) + 1) + "|"]
        lines += [f"| {kind} | " + " | ".join(cells) + " |" for kind, cells in texts.items()]
        lines.append("")
    return "\n".join(lines)


def pages(kernel, estab, linux, found, reasons):
    """{path: what it should hold}"""
    page = DIFFERENCES.read_text()
    begin, end = page.index(BEGIN), page.index(END) + len(END)
    drawn = differences_text(kernel, estab, linux, found, reasons)
    return {DIFFERENCES: page[:begin] + drawn + page[end:], MATRIX: matrix_text(kernel, estab, linux, found)}
