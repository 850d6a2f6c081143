"""The page of a night in a real browser."""

from __future__ import annotations

import html
import shutil
import subprocess
from pathlib import Path

import pytest
from kfpilot.agent.night.models import Entry, Item, Landed, Night
from kfpilot.agent.night.page import page
from kfpilot.agent.reports.models import Report, TaskReport

pytestmark = pytest.mark.integration
BROWSER = next(filter(None, map(shutil.which, ("chromium-headless-shell", "chromium", "google-chrome"))), None)
NASTY = "</td></table><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"


@pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine")
def test_a_browser_shows_the_night_and_runs_nothing_of_it(tmp_path: Path) -> None:
    tasks = [TaskReport(id="T001", title=NASTY, state="failed", why=NASTY, attempts=2)]
    report = Report(run="r1", branch="kfpilot/x", tasks=tasks, state="partly")
    items = [
        Item(entry=Entry(name=f"{number:03}-x", root=tmp_path, feature="x", directory="specs/x", priority=1),
             state="partly", person=NASTY, why=NASTY, report=report, started=100.0 * number, ended=100.0 * number + 90,
             landed=Landed(mode="pull-request", url=f"https://github.com/o/n/pull/{number}"))
        for number in range(1, 21)
    ]  # fmt: skip
    night = Night(id="20260101-220000-aaaa", home=tmp_path, started=100.0, ended=2090.0, state="finished", items=items)
    file, shot = tmp_path / "nightly.html", tmp_path / "night.png"
    file.write_text(page(night), encoding="utf-8")
    common = [str(BROWSER), "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    done = subprocess.run(
        [*common, "--window-size=1200,2400", f"--screenshot={shot}", "--dump-dom", file.as_uri()],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    dom = done.stdout
    assert "<title>Night 20260101-220000-aaaa: 0 of 20 features verified, 20 partly verified</title>" in dom
    assert html.escape(NASTY, quote=False).split("&lt;script")[0] in dom
    assert "<script" not in dom and "<img" not in dom
    assert dom.count('class="track"') == 20
