"""`report.md`: the report for a person."""

from __future__ import annotations

import shlex
import time
from functools import cache
from typing import TYPE_CHECKING

from ..acceptance.models import say
from ..budgets import amount
from .models import Issue, Report
from .words import OUTCOMES, clock, count, merge_command, plural, say_counts, say_review

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
{{ merge }}
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
{% for t in r.accused %}\
{% if loop.first %}\
### Tests that found fault with code

What the author of the tests says; the gates have judged the outcome, not the claim. Look at such code yourself.

| Task | Code | It does | It should | Because of | What came of it |
|---|---|---|---|---|---|
{% endif %}\
| {{ t.id | cell }} | `{{ t.fault.file | cell }}` {{ t.fault.function | cell }} | {{ t.fault.does | cell }} | \
{{ t.fault.should | cell }} | {{ t.fault.by | cell }} | {{ t.fault_end | cell }} |
{% if loop.last %}

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
{% for f in g.failures[:3] if not g.passed %}<br>{{ f | cell }}{% endfor %}\
{% for n in g.notes[:5] %}<br>{{ n | cell }}{% endfor %}\
{% if g.notes | length > 5 %}<br>and {{ g.notes | length - 5 }} more{% endif %} |
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
{% for b in r.budgets %}\
{% if loop.first %}\

| Budget | Used | Limit | Left |
|---|--:|--:|--:|
{% endif %}\
| {{ b.whose | cell }}: {{ b.kind }} | {{ b.used | amount(b.kind) }} | {{ b.limit | amount(b.kind) }} | \
{{ b.left | amount(b.kind) }} |
{% if loop.last %}

{% endif %}\
{% endfor %}\
{% if r.usage.cost is not none %}\
Cost by the prices that were set: {{ r.usage.cost | amount("cost") }}.
{% endif %}\
The last line holds what belongs to no task too: planning, the tests before and after. Prompt tokens include the cached
ones. The harness itself took \
{{ "%.0f" | format(1000 * r.usage.overhead_seconds / r.usage.calls if r.usage.calls else 0) }} ms a call.

## Tests

| | Before | After |
|---|---|---|
| Tests | {{ r.tests.before | tests }} | {{ r.tests.after | tests }} |
| Line coverage | {{ r.tests.coverage_before | percent }} | {{ r.tests.coverage_after | percent }} |
| Coverage of the added code | – | {{ r.tests.change_coverage | percent }} |

{% for lines in r.tests.uncovered %}\
{% if loop.first %}\
No test executes these added lines:

{% endif %}\
- `{{ lines | plain }}`
{% if loop.last %}
{% endif %}\
{% endfor %}\
Final check of the whole branch: \
{{ {none: "did not run", true: "passed", false: "**failed**"}[r.tests.final_check] }}.
{% for f in r.tests.failures %}\
{% if loop.first %}
{% endif %}\
- {{ f | plain }}
{% endfor %}\
{% for row in first %}\
{% if loop.first %}

### Tests written first

| Test file | Red | Green |
|---|---|---|
{% endif %}\
| `{{ row.file | cell }}` | {{ row.red | cell }} | {{ row.green | cell }} |
{% endfor %}
## Acceptance

{% if r.acceptance %}\
{{ said | plain }}.

| What | Verdict | Why | Tests | Tasks | Commits |
|---|---|---|---|---|---|
{% for row in r.acceptance %}\
| **{{ row.id | cell }}** {{ row.text | cell }}<br>`{{ row.where | cell }}` | {{ row.verdict | verdict }}\
{% if row.lowered_from %}<br>(was {{ row.lowered_from }}){% endif %} | {{ row.why | cell }} | \
{{ row.evidence | files }} | {{ row.tasks | list_of }} | {{ row.commits | commits }} |
{% endfor %}\
{% for row in r.acceptance if row.gap %}\
{% if loop.first %}

**Gaps**: no task and no test names or covers these, so nothing shows them.

{% endif %}\
- {{ row.id | plain }} (`{{ row.where | plain }}`): {{ row.text | plain }}
{% endfor %}\
{% else %}\
{% if r.tests.final_check is none %}\
The table is made at the end of a run, and this one has not come to it.
{% else %}\
No requirement, success criterion or scenario was found in the specification.
{% endif %}\
{% endif %}\
{% if r.review %}
### Review

{{ reviewed | plain }}.
{% if r.review.findings %}

| Severity | Where | What | How to mend it |
|---|---|---|---|
{% for f in r.review.findings %}\
| {{ f.severity }} | `{{ f.file | cell }}:{{ f.line }}` | {{ f.what | cell }} | {{ f.mend | cell }} |
{% endfor %}

As tasks for the next run: `kfpilot converge {{ r.run | plain }}`.
{% endif %}\
{% for item in r.review.lowered %}\
{% if loop.first %}

{% endif %}\
- {{ item.id | plain }}: {{ item.before }} → {{ item.verdict }}. {{ item.reason | plain }} \
(`{{ item.file | plain }}:{{ item.line }}`)
{% endfor %}\
{% if r.review.left_out %}

Too big to be shown to the reviewer whole: {{ r.review.left_out | files(10) }}.
{% endif %}\
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
        first=written_first(report),
        merge=merge_command(report),
        said=say(report.acceptance),
        reviewed=say_review(report.review) if report.review else "",
    )


def written_first(report: Report) -> list[dict[str, str]]:
    """A row for each test file that was written before its code: where and why it was red, where it became green."""
    rows: dict[str, dict[str, str]] = {}
    for task in report.verified:
        commit = f" at {task.commit[:10]}" if task.commit else ""
        for found in (item for gate in task.gates for item in gate.test_first):
            row = rows.setdefault(found.file, {"file": found.file, "red": f"at {found.red[:10]}", "green": "not yet"})
            if found.waits:
                row["red"] = f"{task.id}{commit}: waits for {', '.join(found.waits)}, because {found.why}"
            else:
                row["green"] = f"{task.id}{commit}, the file as it was"
    return list(rows.values())


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
        amount=lambda value, kind: amount(kind, value),
        list_of=lambda ids: ", ".join(map(cell, ids)) or "–",
        issue=_issue,
        verdict=lambda verdict: f"**{verdict}**" if verdict == "open" else verdict,
        commits=lambda shas: ", ".join(f"`{sha[:10]}`" for sha in shas) or "–",
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
    # A run of a pipeline says itself that it was made locally.
    here = "Not verified " if issue.text.startswith("locally: ") else "Not verified here: "
    labels = {"not-verified": here, "warning": "Warning: ", "error": "Error: "}
    return labels.get(issue.kind, "") + plain(issue.text)
