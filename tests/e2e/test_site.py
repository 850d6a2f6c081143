"""The documentation's site builds, and what is wrong in a page ends the build."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]


def build(source: Path, target: Path) -> subprocess.CompletedProcess[str]:
    """What `make site` does, for the pages in another folder."""
    (line,) = re.findall(r"-m (sphinx .+)", (ROOT / "Makefile").read_text())
    words = [{"build/doctrees": str(target / "read"), "build/site": str(target)}.get(w, w) for w in shlex.split(line)]
    return subprocess.run([sys.executable, "-m", *words], cwd=source, capture_output=True, text=True, timeout=120)


def test_every_page_is_in_the_site_and_none_is_broken(tmp_path: Path) -> None:
    done = build(ROOT, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    pages = [*(ROOT / "docs").glob("*.md"), *ROOT.glob("*.md")]
    assert [page for page in pages if not (tmp_path / page.relative_to(ROOT).with_suffix(".html")).is_file()] == []
    front = (tmp_path / "index.html").read_text()
    (start,) = re.findall(r"url=([\w/.]+)", front)
    # The links between docs/ and the top work, with their anchors, and the navigation has the index's sections.
    home = (tmp_path / start).read_text()
    assert 'href="../README.html"' in home and re.findall(r'class="caption-text">(.+?)<', home)[0] == "Start"
    assert 'id="use-it-on-your-repository"' in (tmp_path / "README.html").read_text()
    assert 'href="../README.html#use-it-on-your-repository"' in (tmp_path / "docs/ide.html").read_text()
    loaded = re.findall(r'<(?:script|img|link)[^>]+(?:src|href)="(?:https?:)?//[^"]+', home)
    assert loaded == []  # a site that can be read without a network


def test_a_broken_link_a_missing_anchor_and_a_page_nobody_lists_end_the_build(tmp_path: Path) -> None:
    source = tmp_path / "source"
    shutil.copytree(ROOT / "docs/site", source / "docs/site")
    shutil.copy(ROOT / "docs/conf.py", source / "docs")
    pages = {
        "README.md": "# Readme\n\nSee [the index](docs/index.md#pages).\n",
        "docs/index.md": "# Pages\n\n## Start\n\n- [Readme](../README.md)\n- [One](one.md)\n",
        "docs/one.md": "# One\n\n[Back](../README.md#readme)\n",
    }
    for name, text in pages.items():
        (source / name).write_text(text)
    done = build(source, tmp_path / "good")
    assert (done.returncode, done.stderr) == (0, "")
    (source / "docs/one.md").write_text("# One\n\n[Gone](gone.md), [away](../README.md#away), [none](none.py)\n")
    (source / "docs/two.md").write_text("# Two\n")
    done = build(source, tmp_path / "bad")
    assert done.returncode != 0
    told = [line for line in done.stderr.splitlines() if "WARNING" in line]
    for page, what in (("one.md", "gone"), ("one.md", "away"), ("one.md", "none.py"), ("two.md", "toctree")):
        assert any(page in line and what in line for line in told), (what, done.stderr)
