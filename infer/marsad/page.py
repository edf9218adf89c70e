"""Documents to one self-contained page, from right to left: counts, marked text, events."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from html import escape
from itertools import islice, pairwise
from typing import BinaryIO, NamedTuple

from marsad.schema import Document, Event
from marsad.terminal import Block, blocks_of, plain

SHOWN = 1_000  # documents; the counts are of all
BARS = 20  # of a chart
PLACES = ("LOC", "FAC")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
STYLE = """
body{font:1.05rem/1.9 "Noto Naskh Arabic","Geeza Pro","Segoe UI",Tahoma,sans-serif;max-width:60rem;
margin:2rem auto;padding:0 1rem;color:#222;background:#fff}
h1,h2,h3{line-height:1.4}h3{border-top:1px solid #ccc;padding-top:1rem;overflow-wrap:anywhere}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(18rem,1fr));gap:1.5rem}
.bar{display:grid;grid-template-columns:9rem 1fr 4rem;gap:.5rem;font-size:.85rem;line-height:1.7}
.bar bdi{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
svg{width:100%;height:1.2em}rect{fill:#47c}
p,li{unicode-bidi:isolate;overflow-wrap:anywhere}
mark{background:#e4ecf7;border-radius:.2em;padding:0 .15em}b{border-bottom:2px solid #c33}
sub{font:600 .6rem sans-serif;color:#456;margin-inline:.2em}ul,small{color:#555}
.l-ARMED{background:#fbdcd9}.l-VICTIM{background:#f6cfe0}.l-LOC,.l-FAC{background:#d9f0dc}
.l-DATE{background:#fbf0c9}.l-WEAPON{background:#e8dcf5}
"""
HEAD = f"""<!doctype html>
<html lang="ar" dir="rtl"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width"><title>مرصد</title><style>{STYLE}</style></head>
<body><h1>مرصد</h1>
"""


class Counts(NamedTuple):
    """What the charts show."""

    entities: Counter[str]
    events: Counter[str]
    places: Counter[str]
    days: Counter[str]  # of documents, by the field "date" of the input


def write_html(documents: Iterable[Document], out: BinaryIO) -> None:
    """Write a page that opens offline; documents are gone through twice, to count and to show."""
    total, counts = _count(documents)
    out.write(HEAD.encode())
    out.write(f"<p>الوثائق: {total}</p>\n<div class=charts>".encode())
    charts = {
        "الأحداث حسب النوع": counts.events.most_common(BARS),
        "الكيانات حسب النوع": counts.entities.most_common(BARS),
        "الأماكن الأكثر ذكرا": counts.places.most_common(BARS),
        "الوثائق حسب التاريخ": _periods(counts.days),
    }
    for title, bars in charts.items():
        out.write("".join(_chart(title, bars)).encode())
    out.write(b"</div>\n")
    if total > SHOWN:
        out.write(f"<p>تظهر هنا أول {SHOWN} وثيقة، والأعداد لجميعها.</p>\n".encode())
    for document in islice(documents, SHOWN):
        out.write("".join(_article(document)).encode())
    out.write(b"</body></html>\n")


def _count(documents: Iterable[Document]) -> tuple[int, Counts]:
    counts = Counts(Counter(), Counter(), Counter(), Counter())
    total = 0
    for total, document in enumerate(documents, 1):  # noqa: B007 - used after the loop
        counts.entities.update(entity.label for entity in document.entities)
        counts.events.update(event.type for event in document.events)
        counts.places.update(e.text for e in document.entities if e.label in PLACES)
        if day := _DAY.match(str(document.fields.get("date", ""))):
            counts.days[day.group()] += 1
    return total, counts


def _periods(days: Counter[str]) -> list[tuple[str, int]]:
    """Count by day, or by month or year where there are more than a chart holds."""
    for length in (10, 7, 4):
        periods: Counter[str] = Counter()
        for day, count in days.items():
            periods[day[:length]] += count
        if len(periods) <= BARS or length == 4:
            break
    return sorted(periods.items())


def _chart(title: str, bars: list[tuple[str, int]]) -> Iterator[str]:
    if not bars:
        return
    most = max(count for _, count in bars)
    yield f"<section><h2>{title}</h2>\n"
    for name, count in bars:
        width = 100 * count / most
        # From the right, as the page is read.
        bar = f'<svg><rect x="{100 - width:.1f}%" width="{width:.1f}%" height="100%"/></svg>'
        yield f'<div class=bar><bdi title="{_safe(name)}">{_safe(name)}</bdi>{bar}{count}</div>\n'
    yield "</section>\n"


def _article(document: Document) -> Iterator[str]:
    yield f"<article><h3>{_alone(document.id)}</h3>\n"
    if carried := [f"{k}: {v}" for k, v in document.fields.items() if isinstance(v, str | int)]:
        yield f"<small>{' · '.join(map(_alone, carried))}</small>\n"
    for block in blocks_of(document):
        yield f"<p dir=auto>{''.join(_marked(document.text, block))}</p>\n"
    if document.events:
        events = (f"<li>{_event(event, document)}</li>\n" for event in document.events)
        yield f"<ul>\n{''.join(events)}</ul>\n"
    yield "</article>\n"


def _marked(text: str, block: Block) -> Iterator[str]:
    """Cut a sentence where a mark begins or ends, so that marks may cross."""
    entities = {entity.start: entity for _, entity in block.entities}
    triggers = {event.start: event.end for event in block.events}
    ends = {entity.end: entity.label for entity in entities.values()}
    edges = {*triggers, *triggers.values(), *entities, *ends}
    edges |= {block.sentence.start, block.sentence.end}
    label, trigger_end = "", 0
    for start, end in pairwise(sorted(edges)):
        if start in entities:
            label = entities[start].label
        trigger_end = max(trigger_end, triggers.get(start, 0))
        piece = _safe(text[start:end])
        piece = f"<b>{piece}</b>" if start < trigger_end else piece
        yield f'<mark class="l-{_safe(label)}">{piece}</mark>' if label else piece
        if end in ends:
            yield f"<sub>{_safe(ends[end])}</sub>"
            label = ""


def _event(event: Event, document: Document) -> str:
    """A line; every part stands alone, or numbers and Latin labels would be read in one run."""
    fillers: dict[str, list[str]] = {}
    for argument in event.arguments:
        fillers.setdefault(argument.role, []).append(document.entities[argument.entity].text)
    head = f"{_alone(event.type)} <b>{_alone(event.text)}</b> {_alone(f'{event.score:.0%}')}"
    arguments = (f"{_alone(role)}: {'، '.join(map(_alone, own))}" for role, own in fillers.items())
    return " · ".join([head, *arguments])


def _alone(text: str) -> str:
    return f"<bdi>{_safe(text)}</bdi>"


def _safe(text: str) -> str:
    """Text that is only text: no markup, no control characters, no direction marks."""
    return escape(plain(text))
