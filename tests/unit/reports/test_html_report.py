"""report.html: safe to open, whatever documents, models and tests have said."""

from __future__ import annotations

from html.parser import HTMLParser

from kfpilot.agent import events as ev
from kfpilot.agent.reports.page import html
from kfpilot.agent.reports.summarise import summarise

VOID = {"meta", "br", "hr"}


class Page(HTMLParser):
    """What a browser would see."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.texts: dict[str, str] = {}
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open:
            self.texts[self.open[-1]] = self.texts.get(self.open[-1], "") + data


def test_it_shows_what_the_markdown_shows(mixed):
    page = Page(html(summarise(mixed.path)))

    assert page.open == []
    assert page.texts["title"] == "001-late-orders: finished, some tasks not verified"
    assert page.texts["h2"].startswith("Deployment readinessTasks")
    assert page.tags.count("table") >= 4
    assert "T002" in page.texts["strong"]
    assert "git merge --ff-only kfpilot/001-late-orders" in page.texts["code"]


def test_lines_are_broken_within_cells(mixed):
    text = html(summarise(mixed.path))

    assert "<br>" in text
    assert "&lt;br" not in text


def test_nothing_foreign_becomes_a_tag_a_link_or_a_picture(mixed):
    evil = (
        "<script>alert(1)</script> <img src=https://evil.invalid/x> ![p](https://evil.invalid/p.png) "
        "[click](javascript:alert(1)) <https://evil.invalid/auto> [ref]: https://evil.invalid"
    )
    mixed.add(ev.Notice(level="warning", code="odd", message=evil))

    text = html(summarise(mixed.path))
    page = Page(text)

    assert "alert(1)" in text
    assert not {"script", "img", "a", "iframe", "link"} & set(page.tags)
    assert not {"src", "href", "onclick", "onerror"} & {name for name, _ in page.attributes}
