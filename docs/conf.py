"""The site: every page of docs/ and the pages at the top, read as they are on GitHub.

The source is the repository's root, so that a link such as `../README.md#models` means the same in both places.
Navigation is what docs/index.md lists; a page that it does not list is an error, as a broken link is (`make site`).
"""

from __future__ import annotations

import re
from importlib.metadata import version as installed

from sphinx.application import Sphinx

project = "kfpilot"
author = "the kfpilot authors"
copyright = f"{author}; Apache License 2.0"
version = release = installed("kfpilot")

extensions = ["myst_parser"]
include_patterns = ["docs/*.md", "*.md", "examples/*/README.md"]
exclude_patterns = [".*", "build", "dist", "*.egg-info"]
root_doc = "docs/index"
nitpicky = True
# Of `--help` it would make a dash.
smartquotes = False
# Anchors as GitHub makes them from headings, so that one spelling of a link serves both.
myst_heading_anchors = 4

html_theme = "furo"
html_title = f"kfpilot {version}"
html_extra_path = ["site"]
html_copy_source = False
html_show_sphinx = False
html_theme_options = {"footer_icons": []}

SECTION = re.compile(r"^## (?P<name>.+)\n(?P<body>(?:(?!^## ).*\n)*)", re.M)
ENTRY = re.compile(r"^- \[[^\]]+\]\((?P<page>[\w./-]+)\.md\)", re.M)


def navigation(app: Sphinx, document: str, source: list[str]) -> None:
    """Make the navigation from the lists of docs/index.md: a section there is one here."""
    if document != root_doc:
        return
    for section in SECTION.finditer(source[0]):
        pages = "\n".join(ENTRY.findall(section["body"]))
        source[0] += f"\n```{{toctree}}\n:hidden:\n:caption: {section['name']}\n\n{pages}\n```\n"


def setup(app: Sphinx) -> None:
    """Sphinx calls this."""
    app.connect("source-read", navigation)
