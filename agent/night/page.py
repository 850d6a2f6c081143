"""The night as one static page: no script, nothing loaded from elsewhere, all foreign text escaped."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from ..reports.words import bare, clock, count, one_line
from .models import Item, Night

if TYPE_CHECKING:
    from jinja2 import Template

COLOURS = {
    "verified": "good", "done": "good", "partly": "part", "budget": "later", "interrupted": "later",
    "pending": "later", "running": "later", "error": "bad", "skipped": "part", "waiting": "part",
}  # fmt: skip
TASK_COLOURS = {"verified": "good", "failed": "bad", "skipped": "part"}


def page(night: Night) -> str:
    """The page as HTML."""
    from .summary import WORDS, figures, how_it_ended, in_short, moment

    rows = [row_of(night, item, WORDS[item.state], figures(item)) for item in night.items]
    used = night.used
    return _template().render(
        night=night,
        rows=rows,
        short=in_short(night),
        ended=how_it_ended(night),
        began=moment(night.started),
        finished=moment(night.ended) if night.ended else "",
        used=f"{used.calls} model calls, {count(used.tokens)} tokens, {clock(used.seconds)} of work",
        persons=[row for row in rows if row["person"]],
        marks=marks_of(night),
    )


def row_of(night: Night, item: Item, words: str, done: tuple[int, int]) -> dict[str, Any]:
    """What the page shows of a feature."""
    from .summary import landed_words

    start, length = span(night)
    left = 100 * ((item.started or start) - start) / length
    width = 100 * ((item.ended or item.started or start) - (item.started or start)) / length
    url = item.landed.url if item.landed else ""
    return {
        "name": bare(item.entry.name),
        "anchor": f"f{night.items.index(item) + 1}",
        "words": words,
        "colour": COLOURS[item.state],
        "why": bare(one_line(item.why, 400)),
        "person": bare(one_line(item.person, 600)),
        "done": done[0],
        "total": done[1],
        "percent": round(100 * done[0] / done[1]) if done[1] else (100 if item.state == "done" else 0),
        "branch": item.branch,
        "landed": landed_words(item),
        # Only addresses of the web become links.
        "url": url if url.startswith(("https://", "http://")) else "",
        "worked": item.started is not None,
        "left": f"{max(0.0, min(99.5, left)):.2f}",
        "width": f"{max(0.5, min(100.0, width)):.2f}",
        "time": clock(item.used.seconds),
        "tokens": count(item.used.tokens),
        "run": item.run or "",
        "resumed": item.resumed,
        "tasks": [
            {
                "id": bare(task.id),
                "title": bare(one_line(task.title, 200)),
                "state": task.state,
                "colour": TASK_COLOURS.get(task.state, "later"),
                "why": bare(one_line(task.why, 300)),
                "attempts": task.attempts,
                "commit": (task.commit or "")[:10],
            }
            for task in (item.report.tasks if item.report else [])
        ],
    }


def span(night: Night) -> tuple[float, float]:
    """When the timeline begins, and how long it is."""
    times = [at for item in night.items for at in (item.started, item.ended) if at]
    first = min([night.started, *times])
    last = max([night.ended or night.started, *times])
    return first, max(last - first, 1.0)


def marks_of(night: Night) -> list[dict[str, str]]:
    """Five times along the timeline."""
    import time

    first, length = span(night)
    form = "%H:%M" if length > 600 else "%H:%M:%S"
    return [
        {"left": f"{25 * step}", "text": time.strftime(form, time.localtime(first + length * step / 4))}
        for step in range(5)
    ]


@cache
def _template() -> Template:
    from jinja2 import Environment, StrictUndefined

    env = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return env.from_string(TEMPLATE)


TEMPLATE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Night {{ night.id }}: {{ short }}</title>
<style>
:root { color-scheme: light dark; --good: #2e9e5b; --part: #d99a1c; --bad: #d2453d; --later: #8a94a3;
  --line: #8883; --soft: #8881; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
h1 { margin-bottom: 0; } h2 { margin-top: 2.2rem; }
.dim { opacity: .7; } code { font-size: .92em; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid var(--line); vertical-align: top; }
td { overflow-wrap: anywhere; }
.tag { color: #fff; border-radius: .8rem; padding: .05rem .6rem; font-size: .85em; white-space: nowrap; }
.good { background: var(--good); } .part { background: var(--part); } .bad { background: var(--bad); }
.later { background: var(--later); }
.bar { background: var(--soft); border-radius: .3rem; height: .8rem; min-width: 7rem; }
.bar div { height: 100%; border-radius: .3rem; }
.lane { display: grid; grid-template-columns: 14rem 1fr; gap: .6rem; align-items: center; margin: .15rem 0; }
.lane > span { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.track { position: relative; height: 1.1rem; background: var(--soft); border-radius: .3rem; }
.track div { position: absolute; top: 0; bottom: 0; border-radius: .3rem; min-width: 3px; }
.marks { position: relative; height: 1.4rem; font-size: .8em; }
.marks span { position: absolute; transform: translateX(-50%); }
.marks span:first-child { transform: none; } .marks span:last-child { transform: translateX(-100%); }
.needs { border-left: .3rem solid var(--bad); padding: .1rem 1rem; background: var(--soft); }
details { margin: .6rem 0; } summary { cursor: pointer; }
</style>
</head>
<body>
<h1>Night {{ night.id }}</h1>
<p class="dim">Began {{ began }}{% if finished %}, ended {{ finished }}{% endif %}\
{% if night.sessions > 1 %}, in {{ night.sessions }} sessions{% endif %}. {{ used }}.</p>
<p><strong>{{ short }}.</strong> {{ ended }}</p>

<h2>Needs a person</h2>
{% if persons %}
<div class="needs"><ul>
{% for row in persons %}
<li><a href="#{{ row.anchor }}">{{ row.name }}</a>: {{ row.person }}</li>
{% endfor %}
</ul></div>
{% else %}
<p>Nothing.</p>
{% endif %}

<h2>Timeline</h2>
{% for row in rows %}
<div class="lane"><span title="{{ row.name }}">{{ row.name }}</span><div class="track">\
{% if row.worked %}<div class="{{ row.colour }}" style="left:{{ row.left }}%;width:{{ row.width }}%" \
title="{{ row.name }}: {{ row.words }}, {{ row.time }}"></div>{% endif %}</div></div>
{% endfor %}
<div class="lane"><span></span><div class="marks">
{% for mark in marks %}<span style="left:{{ mark.left }}%">{{ mark.text }}</span>{% endfor %}
</div></div>

<h2>Features</h2>
<table>
<tr><th>Feature</th><th>Outcome</th><th>Tasks verified</th><th>Branch</th><th>Time</th><th>Tokens</th></tr>
{% for row in rows %}
<tr><td><a href="#{{ row.anchor }}">{{ row.name }}</a></td>
<td><span class="tag {{ row.colour }}">{{ row.words }}</span></td>
<td>{{ row.done }} of {{ row.total }}<div class="bar"><div class="{{ row.colour }}" style="width:{{ row.percent }}%">\
</div></div></td>
<td>{% if row.branch %}<code>{{ row.branch }}</code>{% endif %}\
{% if row.url %}<br><a href="{{ row.url }}" rel="noreferrer">{{ row.url }}</a>{% elif row.landed %}<br>\
<span class="dim">{{ row.landed }}</span>{% endif %}</td>
<td>{{ row.time }}</td><td>{{ row.tokens }}</td></tr>
{% endfor %}
</table>

{% for row in rows %}
<details id="{{ row.anchor }}"{% if row.person %} open{% endif %}>
<summary><strong>{{ row.name }}</strong> <span class="tag {{ row.colour }}">{{ row.words }}</span></summary>
{% if row.why %}<p>{{ row.why }}</p>{% endif %}
{% if row.run %}<p class="dim">Run {{ row.run }}{% if row.resumed %}, resumed{% endif %}</p>{% endif %}
{% if row.tasks %}
<table>
<tr><th>Task</th><th>Outcome</th><th>Attempts</th><th>Commit</th><th>Why</th></tr>
{% for task in row.tasks %}
<tr><td>{{ task.id }} {{ task.title }}</td><td><span class="tag {{ task.colour }}">{{ task.state }}</span></td>
<td>{{ task.attempts }}</td><td><code>{{ task.commit }}</code></td><td>{{ task.why }}</td></tr>
{% endfor %}
</table>
{% endif %}
</details>
{% endfor %}
</body>
</html>
"""
