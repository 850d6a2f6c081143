"""`report.html`: the report as one static page, no script, nothing loaded from elsewhere."""

from __future__ import annotations

from html import escape

from .markdown import render
from .models import Report
from .words import OUTCOMES

HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; --line: #8883; --soft: #8881; }}
body {{ font: 15px/1.5 system-ui, sans-serif; max-width: 76rem; margin: 2rem auto; padding: 0 1rem; }}
h1 {{ margin-bottom: 0; }} h2 {{ margin-top: 2.2rem; }}
code {{ font-size: .92em; }} pre {{ background: var(--soft); padding: .6rem 1rem; overflow-x: auto; }}
.wide {{ overflow-x: auto; }}
table {{ border-collapse: collapse; margin: .6rem 0; }}
th, td {{ text-align: left; padding: .3rem .6rem; border-bottom: 1px solid var(--line); vertical-align: top; }}
td {{ overflow-wrap: anywhere; min-width: 3rem; }} td:first-child {{ min-width: 7rem; }}
</style>
</head>
<body>
"""

NOT_OURS = ["link", "image", "autolink", "html_inline", "html_block", "reference"]
"""What only text of documents, models or tests could bring in: the report itself has none of it."""


def html(report: Report) -> str:
    """The page as HTML."""
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False}).enable("table").disable(NOT_OURS)
    # The report breaks lines within cells; a `<` of anybody else's is an entity in it already.
    body = parser.render(render(report)).replace("&lt;br&gt;", "<br>")
    body = body.replace("<table>", '<div class="wide"><table>').replace("</table>", "</table></div>")
    title = escape(f"{report.feature or report.run}: {OUTCOMES[report.state]}")
    return f"{HEAD.format(title=title)}{body}</body>\n</html>\n"
