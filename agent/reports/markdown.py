"""`report.md`: the report for a person."""

from __future__ import annotations

import shlex
import time
from functools import cache
from typing import TYPE_CHECKING

from .models import Issue, Report
from .words import OUTCOMES, clock, count, plural, say_counts

if TYPE_CHECKING:
    from jinja2 import Template

STATES = {"verified": "✅ verified", "failed": "❌ failed", "skipped": "⏭️ skipped", "unfinished": "⏳ unfinished"}

TEMPLATE = """\
# {{ r.feature or "Run" }}: {{ outcome }}

{{ done }} of {{ total }} verified · {{ r.seconds | clock }} · {{ r.usage.calls | calls }} · \
{{ r.usage.prompt_tokens | count }} prompt tokens ({{ r.usage.cached_tokens | count }} cached), \
{{ r.usage.completion_tokens | count }} completion tokens

| | |
|---|---|
| Run | `{{ r.run }}`{% if r.sessions > 1 %}, resumed {{ r.sessions - 1 }} time{{ "s" if r.sessions > 2 }}{% endif %} |
{% if r.started %}| Started | {{ r.started | date }} |
{% endif %}| Branch | `{{ r.branch }}`{% if r.head %} at `{{ r.head[:10] }}`{% endif %}\
{% if r.base %}, from `{{ r.base[:10] }}`{% endif %} |
| Model | {{ r.model | cell }} ({{ r.worker or "?" }} worker) |
{% if r.words %}| Words | {{ r.words | cell }} |
{% endif %}| Plan | {{ "refined by the planner agent" if r.plan_source == "refined" else "from the documents" }} |
{% if r.message %}| Message | {{ r.message | cell }} |
{% endif %}
## Deployment readiness

{{ r.readiness.text | plain }}

{% if r.state in ("unfinished", "interrupted", "budget", "error") and r.feature %}\
Go on with the run:

```sh
kfpilot run {{ r.feature | quote }} --resume
```

{% endif %}\
{% if r.landed %}\
The branch was fast-forwarded into the branch you were on.

{% elif done_any %}\
Look at the commits and take them over, from the branch the run started on:

```sh
git log --reverse --stat {{ (r.base[:10] ~ ".." ~ r.branch) | quote }}
git merge --ff-only {{ r.branch | quote }}
```

{% endif %}\
## Tasks

{% if r.tasks %}\
| Task | Role | State | Attempts | Files | Commit |
|---|---|---|--:|---|---|
{% for t in r.tasks %}\
| **{{ t.id | cell }}** {{ t.title | cell }}{% if t.story %} [{{ t.story }}]{% endif %} | {{ t.role }} | \
{{ t.state | state }} | {{ t.attempts }}{% if t.of %} (of {{ t.of }}){% endif %} | \
{{ (t.files or t.named_files) | files }} | {% if t.commit %}`{{ t.commit[:10] }}`{% else %}–{% endif %} |
{% endfor %}\
{% else %}\
The run worked no task.
{% endif %}
{% for t in r.tasks if t.state in ("failed", "unfinished") or (t.state == "skipped" and t.why) %}\
{% if loop.first %}\
### Not verified

{% endif %}\
- **{{ t.id }}** {{ t.title | plain }}: {{ t.state | state }}{% if t.why %}. {{ t.why | plain }}{% endif %}

{% if t.patch %}\
  Its last work is kept as a patch:

  ```sh
  less {{ (folder ~ t.patch) | quote }}
  git apply --3way {{ (folder ~ t.patch) | quote }}
  ```

{% endif %}\
{% endfor %}\
### What the gates saw

{% for t in r.tasks if t.gates %}\
{% if loop.first %}\
| Task | Gate | Result | Exit | Time | What it saw |
|---|---|---|--:|--:|---|
{% endif %}\
{% for g in t.gates %}\
| {{ t.id | cell }} | {{ g.gate }} | {{ "passed" if g.passed else "**failed**" }} | \
{{ "–" if g.exit_code is none else g.exit_code }} | \
{{ "%.1f s" | format(g.seconds) }} | {{ g.summary | cell }}\
{% for f in g.failures[:3] if not g.passed %}<br>{{ f | cell }}{% endfor %} |
{% endfor %}\
{% else %}\
No gate has run.
{% endfor %}
### What it cost

{% for t in r.tasks %}\
{% if loop.first %}\
| Task | Calls | Prompt tokens | Cached | Completion tokens | Time |
|---|--:|--:|--:|--:|--:|
{% endif %}\
| {{ t.id | cell }} | {{ t.usage.calls }} | {{ t.usage.prompt_tokens | count }} | \
{{ t.usage.cached_tokens | count }} | {{ t.usage.completion_tokens | count }} | {{ t.seconds | clock }} |
{% if loop.last %}\
| **All** | {{ r.usage.calls }} | {{ r.usage.prompt_tokens | count }} | \
{{ r.usage.cached_tokens | count }} | {{ r.usage.completion_tokens | count }} | {{ r.seconds | clock }} |
{% endif %}\
{% else %}\
No model was called for a task.
{% endfor %}
The last line holds what belongs to no task too: planning, the tests before and after. Prompt tokens include the cached
ones. The harness itself took \
{{ "%.0f" | format(1000 * r.usage.overhead_seconds / r.usage.calls if r.usage.calls else 0) }} ms a call.

## Tests

| | Before | After |
|---|---|---|
| Tests | {{ r.tests.before | tests }} | {{ r.tests.after | tests }} |
| Line coverage | {{ r.tests.coverage_before | percent }} | {{ r.tests.coverage_after | percent }} |

Final check of the whole branch: \
{{ {none: "did not run", true: "passed", false: "**failed**"}[r.tests.final_check] }}.
{% for f in r.tests.failures %}\
{% if loop.first %}
{% endif %}\
- {{ f | plain }}
{% endfor %}
## Acceptance

{% if r.references %}\
{{ r.references | selectattr("state", "equalto", "met") | list | length }} of {{ r.references | length }} \
references met, by the verified tasks that cite them.

| Reference | State | Verified tasks | Tests | Missing |
|---|---|---|---|---|
{% for ref in r.references %}\
| {{ ref.id | cell }} | {{ ref.state if ref.state != "open" else "**open**" }} | {{ ref.verified | list_of }} | \
{{ ref.tests | list_of }} | {{ ref.missing | list_of }} |
{% endfor %}\
{% else %}\
No planned task cites a requirement, a success criterion or a scenario, so nothing can be said about them.
{% endif %}
## Known issues and limits

{% for issue in r.issues %}\
- {{ issue | issue }}
{% else %}\
None was seen.
{% endfor %}\
{% if r.left_out %}
Left out of this run:

{% for left in r.left_out %}\
- {{ left.id }}: {{ left.why | plain }}
{% endfor %}\
{% endif %}\
"""


def render(report: Report) -> str:
    """The report as Markdown."""
    verified = len(report.verified)
    return _template().render(
        r=report,
        outcome=OUTCOMES[report.state],
        done=verified,
        total=plural(len(report.tasks), "task"),
        done_any=verified > 0 and bool(report.branch),
        folder=f".kfpilot/runs/{report.run}/",
    )


@cache
def _template() -> Template:
    from jinja2 import Environment, StrictUndefined

    # Markdown, not HTML: what comes from documents and models is made harmless by `cell` and `plain`.
    env = Environment(undefined=StrictUndefined, keep_trailing_newline=True)
    env.filters.update(
        cell=cell,
        plain=plain,
        clock=clock,
        count=count,
        calls=lambda n: plural(n, "model call"),
        date=lambda at: time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(at)),
        state=lambda state: STATES.get(state, "▫️ not reached"),
        files=_files,
        quote=shlex.quote,
        tests=say_counts,
        percent=lambda value: "not measured" if value is None else f"{value:.1f} %",
        list_of=lambda ids: ", ".join(map(cell, ids)) or "–",
        issue=_issue,
    )
    return env.from_string(TEMPLATE)


def plain(text: str) -> str:
    """Text on one line that starts no HTML."""
    return " ".join(str(text).split()).replace("<", "&lt;")


def cell(text: str) -> str:
    """Text that stays within one cell of a table."""
    return plain(text).replace("|", "\\|")


def _files(files: list[str], limit: int = 4) -> str:
    shown = [f"`{cell(file)}`" for file in files[:limit]]
    more = len(files) - limit
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "") or "–"


def _issue(issue: Issue) -> str:
    labels = {"not-verified": "Not verified here: ", "warning": "Warning: ", "error": "Error: "}
    return labels.get(issue.kind, "") + plain(issue.text)
