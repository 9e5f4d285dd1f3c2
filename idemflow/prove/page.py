"""A journal as one HTML page: light and dark, on any width, without a script or the network."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape

from idemflow.prove.journal import Journal, MethodResult, SteadyState, Try

# The drawing's own units; the page stretches it.
_WIDTH, _HEIGHT = 1000, 60
# Seconds between two samples that a line does not lead over.
_GAP = 3.0
_EVERY = {"fault": "fault", "mended": "mended", "done": "done", "seen": "seen"}
_GRAVEST = ("failed", "inconclusive", "passed")
_ENDS = (
    "given", "stable", "stale", "lost", "never_read", "dead_letters", "deleted", "left_out",
    "repeated", "doubled", "strange_letters",
)  # fmt: skip

_STYLE = """
:root { color-scheme: light dark; --text: #1b1f24; --dim: #5b6470; --back: #fff; --box: #f4f6f8;
  --line: #d5dae0; --passed: #1a7f37; --failed: #c4232f; --inconclusive: #8a5a00;
  --documents: #0b62c4; --queued: #8a3ffc; --rate: #0e7c7b; --band: rgba(196, 35, 47, .18); }
@media (prefers-color-scheme: dark) { :root { --text: #e6e9ed; --dim: #9aa5b1; --back: #14171b;
  --box: #1e2329; --line: #38404a; --passed: #4cc36c; --failed: #ff7b80; --inconclusive: #e3b341;
  --documents: #6cb1ff; --queued: #c29bff; --rate: #55c7c5; --band: rgba(255, 123, 128, .22); } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 72rem; background: var(--back);
  color: var(--text); font: 16px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; margin: 0 0 .5rem; } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
.passed { color: var(--passed); } .failed { color: var(--failed); }
.inconclusive { color: var(--inconclusive); } .dim { color: var(--dim); }
.wide { overflow-x: auto; } table { border-collapse: collapse; width: 100%; }
th, td { padding: .3rem .6rem; text-align: right; border-bottom: 1px solid var(--line);
  overflow-wrap: normal; } th { font-weight: 600; color: var(--dim); }
th:nth-child(-n+2), td:nth-child(-n+2) { text-align: left; white-space: nowrap; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; margin: 0; }
dt { color: var(--dim); } dd { margin: 0; } code { font-size: .9em; }
details { background: var(--box); border: 1px solid var(--line); border-radius: 8px;
  padding: .5rem .8rem; margin: .6rem 0; } summary { cursor: pointer; }
.lane { margin: .5rem 0 0; } .lane p { display: flex; justify-content: space-between; margin: 0;
  font-size: .85rem; color: var(--dim); } svg { display: block; width: 100%; height: 60px;
  background: var(--back); border: 1px solid var(--line); border-radius: 4px; }
svg * { vector-effect: non-scaling-stroke; } .band { fill: var(--band); }
.documents { stroke: var(--documents); } .queued { stroke: var(--queued); }
.rate { stroke: var(--rate); } path { fill: none; stroke-width: 2.5; stroke-linecap: round; }
ol { margin: .5rem 0; padding-left: 0; list-style: none; font-size: .9rem; }
ol time { display: inline-block; min-width: 4.5rem; color: var(--dim); }
ol .fault { color: var(--failed); font-weight: 600; } ol .mended { color: var(--passed); }
@media (max-width: 30rem) { body { padding: .7rem; } dl { grid-template-columns: 1fr; }
  dd { margin-bottom: .4rem; } th, td { padding: .3rem .4rem; font-size: .9rem; } }
"""


def page(journal: Journal) -> str:
    """The whole page."""
    title = f"Proof of {escape(journal.pipeline)}"
    heading = f"<h1>{title}: {_verdict(journal.verdict)}</h1>"
    return _document(title, [heading, *_body(journal)])


def pages(journals: Sequence[Journal]) -> str:
    """One page of several proofs: what all of them come to, and each of them."""
    methods: dict[str, MethodResult] = {}
    for journal in journals:
        for one in journal.methods:
            methods.setdefault(one.name, MethodResult(one.name, one.what)).tries.extend(one.tries)
    verdict = min((journal.verdict for journal in journals), key=_GRAVEST.index)
    rows = "".join(
        f'<tr><td><a href="#{number}">{escape(one.pipeline)}</a></td><td>{_verdict(one.verdict)}'
        f"</td><td>{one.seed}</td><td>{one.source.get('given', 0):,}</td>"
        f"<td>{sum(len(method.tries) for method in one.methods)}</td><td>{one.seconds:,.0f}</td>"
        f"<td>{len(one.not_tried)}</td></tr>"
        for number, one in enumerate(journals)
    )
    head = "".join(
        f"<th>{name}</th>"
        for name in ("pipeline", "verdict", "seed", "records", "tries", "seconds", "not tried")
    )
    each = (
        f'<details id="{number}"><summary>{escape(one.pipeline)}, seed {one.seed}: '
        f"{_verdict(one.verdict)}</summary>{''.join(_body(one))}</details>"
        for number, one in enumerate(journals)
    )
    return _document(
        "Proofs",
        [
            f"<h1>{len(journals)} proofs: {_verdict(verdict)}</h1>",
            f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'
            "</div>",
            "<h2>What was done in all of them, and what became of the records</h2>",
            _table(list(methods.values())),
            "<h2>Each proof</h2>",
            *each,
        ],
    )


def _body(journal: Journal) -> list[str]:
    states = [("before", journal.before), ("afterwards", journal.after)]
    return [
        f"<p>{escape(journal.why)}</p>",
        _facts(journal),
        "<h2>What was done, and what became of the records</h2>",
        _table(journal.methods),
        *_not_tried(journal.not_tried),
        *(_state(name, state) for name, state in states if state is not None),
        *(_method(one) for one in journal.methods),
    ]


def _document(title: str, parts: Iterable[str]) -> str:
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>{title}</title><style>{_STYLE}</style></head>\n<body>\n"
        + "\n".join(parts)
        + "\n</body></html>\n"
    )


def _verdict(verdict: str) -> str:
    return f'<span class="{verdict}">{verdict}</span>'


def _facts(journal: Journal) -> str:
    known = journal.source
    facts = {
        "began": f"{journal.started}, and took {journal.seconds:,.0f} s",
        "source": f"{known.get('given', 0):,} records, known from {known.get('known_from')}"
        if known
        else "was not read",
        "again": journal.command,
        "idemflow": journal.idemflow,
        **{name: _said(name, value) for name, value in journal.environment.items()},
    }
    rows = (f"<dt>{escape(k)}</dt><dd>{escape(str(v))}</dd>" for k, v in facts.items())
    return f"<dl>{''.join(rows)}</dl>"


def _said(name: str, value: object) -> str:
    return (
        f"{value / (1 << 30):.1f} GiB"
        if name == "memory" and isinstance(value, int)
        else f"{value}"
    )


def _table(methods: Sequence[MethodResult]) -> str:
    if not methods:
        return "<p>No method was tried.</p>"
    names = ("method", "verdict", "lost", "doubled", "stale", "dead letters", "recovery, s",
             "tries", "inconclusive")  # fmt: skip
    head = "".join(f"<th>{name}</th>" for name in names)
    return (
        f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>'
        f"{''.join(map(_row, methods))}</tbody></table></div>"
    )


def _row(one: MethodResult) -> str:
    recovery = "" if one.recovery is None else f"{one.recovery:.1f}"
    cells = (
        escape(one.name), _verdict(one.verdict),
        _bad(one.total("lost") + one.total("never_read"), "failed"),
        _bad(one.total("doubled"), "failed"), _bad(one.total("stale"), "failed"),
        f"{one.total('dead_letters'):,}", recovery, str(len(one.tries)),
        _bad(one.inconclusive, "inconclusive"),
    )  # fmt: skip
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _bad(count: int, kind: str) -> str:
    return f'<strong class="{kind}">{count:,}</strong>' if count else "0"


def _not_tried(methods: dict[str, str]) -> Iterator[str]:
    if methods:
        rows = (f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in methods.items())
        yield f"<h2>Not tried</h2><dl>{''.join(rows)}</dl>"


def _state(name: str, state: SteadyState) -> str:
    told = "".join(f'<p class="failed">{escape(text)}</p>' for text in state.problems)
    return f"<h2>Steady state {name}</h2>{told}{''.join(map(_try, state.quiet))}"


def _method(result: MethodResult) -> str:
    return (
        f"<h2>{escape(result.name)}: {_verdict(result.verdict)}</h2>"
        f'<p class="dim">{escape(result.what)}</p>{"".join(map(_try, result.tries))}'
    )


def _try(one: Try) -> str:
    is_open = " open" if one.verdict == "failed" or one.number == 1 else ""
    recovery = "" if one.recovery is None else f", recovered after {one.recovery:.1f} s"
    return (
        f"<details{is_open}><summary>Try {one.number}: {_verdict(one.verdict)}, {escape(one.why)} "
        f'<span class="dim">({one.seconds:.1f} s{recovery})</span></summary>'
        f"{_outcome(one)}{_lanes(one)}{_events(one)}</details>"
    )


def _outcome(one: Try) -> str:
    if one.outcome is None:
        return ""
    found = ((name, getattr(one.outcome, name)) for name in _ENDS)
    ends = ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in found if count)
    named = "".join(
        f"<br>{escape(kind.replace('_', ' '))}: <code>{escape(', '.join(ids))}</code>"
        for kind, ids in one.outcome.named.items()
    )
    verified = "" if one.verified is not False else "<br>idemflow verify: not what the runs sent"
    return f"<p>{ends}{named}{verified}</p>"


def _events(one: Try) -> str:
    rows = (
        f'<li class="{_EVERY[event.kind]}"><time>{event.at:.2f} s</time> {escape(event.what)}</li>'
        for event in one.events
    )
    return f"<ol>{''.join(rows)}</ol>"


def _lanes(one: Try) -> str:
    """Documents, throughput and queue over time, with the faults behind them."""
    if len(one.samples) < 2:
        return ""
    end = max([one.samples[-1].at, *(event.at for event in one.events)]) or 1.0
    documents = [(sample.at, sample.documents) for sample in one.samples]
    queued = [(sample.at, sample.queued) for sample in one.samples]
    bands = "".join(_bands(one, end))
    return "".join(
        _lane(name, kind, points, end, bands)
        for name, kind, points in (
            ("documents", "documents", documents),
            ("documents a second", "rate", list(_rates(documents))),
            ("FlowFiles in queues", "queued", queued),
        )
    )


Point = tuple[float, float | None]


def _rates(points: Iterable[Point]) -> Iterator[Point]:
    last: tuple[float, float] | None = None
    for at, count in points:
        if count is None:
            last = None
            yield at, None
            continue
        if last is not None and 0 < at - last[0] <= _GAP:
            yield at, max(0.0, (count - last[1]) / (at - last[0]))
        last = at, count


def _lane(name: str, kind: str, points: Sequence[Point], end: float, bands: str) -> str:
    top = max((value for _, value in points if value is not None), default=0) or 1
    drawn: list[str] = []
    last: float | None = None
    for at, value in points:
        if value is None:
            last = None
            continue
        x, y = at / end * _WIDTH, _HEIGHT - 3 - value / top * (_HEIGHT - 8)
        # What was not looked at, or did not answer, is a gap; one point alone is a dot.
        broken = last is None or at - last > _GAP
        drawn.append(f"M{x:.1f} {y:.1f}h0" if broken else f"L{x:.1f} {y:.1f}")
        last = at
    return (
        f'<div class="lane"><p><span>{name}, up to {top:,.0f}</span><span>{end:.1f} s</span></p>'
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" preserveAspectRatio="none" role="img" '
        f'aria-label="{name} over time">{bands}<path class="{kind}" d="{" ".join(drawn)}"/></svg>'
        "</div>"
    )


def _bands(one: Try, end: float) -> Iterator[str]:
    """From each fault to where it was mended; one that was not to the end."""
    begun: float | None = None
    for event in one.events:
        if event.kind == "fault" and begun is None:
            begun = event.at
        elif event.kind == "mended" and begun is not None:
            yield _band(begun, event.at, end)
            begun = None
    if begun is not None:
        yield _band(begun, min(end, begun + end / 100), end)


def _band(start: float, stop: float, end: float) -> str:
    x, width = start / end * _WIDTH, max(3.0, (stop - start) / end * _WIDTH)
    return f'<rect class="band" x="{x:.1f}" y="0" width="{width:.1f}" height="{_HEIGHT}"/>'
