"""One self-contained HTML page: text, tables, figures and code, readable without a network.

Beside it stand the same as Markdown and each table for LaTeX.
"""

import base64
import html
import re
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from jaxdl._files import write_atomic
from jaxdl.report import explorer, latex, markdown, tables
from jaxdl.report.style import to_png
from jaxdl.report.text import check_name, clean

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


class Picture(NamedTuple):
    """A figure of the page.

    name: of the file beside the page, without `.png`
    figure: a Matplotlib figure, or the bytes of a PNG
    alt: what it shows, for those who do not see it
    caption: how to read it
    """

    name: str
    figure: "Figure | bytes"
    alt: str
    caption: str = ""

    @property
    def png(self) -> bytes:
        """The bytes of the file."""
        return self.figure if isinstance(self.figure, bytes) else to_png(self.figure)


class Code(NamedTuple):
    """Lines to be read, or run, as they are."""

    text: str


Block: TypeAlias = "str | tables.Table | Picture | Code | explorer.Trials"


class Section(NamedTuple):
    """A heading and what stands below it; a `str` is a paragraph."""

    heading: str
    blocks: Sequence[Block]


class Report(NamedTuple):
    """A page: its title, the sentence to remember, the sections."""

    title: str
    lead: str
    sections: tuple[Section, ...]


STYLE = """
:root { color-scheme: light dark; --ink: #1d1f23; --soft: #5b616b; --line: #d9dce1;
  --paper: #ffffff; --shade: #f5f6f8; --accent: #0072b2; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e8eb; --soft: #a5acb6; --line: #3a3f47;
  --paper: #16181c; --shade: #20242a; --accent: #6cb8e6; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
main { max-width: 1144px; margin: 0 auto; padding: 32px 16px 64px; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 12px; overflow-wrap: anywhere; }
h2 { font-size: 1.3rem; margin: 48px 0 12px; padding-top: 12px;
  border-top: 1px solid var(--line); overflow-wrap: anywhere; }
p { max-width: 75ch; margin: 0 0 12px; overflow-wrap: anywhere; }
.lead { font-size: 1.2rem; border-left: 4px solid var(--accent); padding-left: 16px; }
nav { display: flex; flex-wrap: wrap; gap: 4px 20px; margin: 20px 0 0; font-size: 0.95rem; }
a { color: var(--accent); }
figure { margin: 12px 0 20px; }
figure img { display: block; width: auto; max-width: 100%; height: auto; background: #ffffff;
  border: 1px solid var(--line); border-radius: 8px; padding: 12px 14px; }
figcaption, caption { color: var(--soft); font-size: 0.9rem; text-align: left; max-width: 90ch; }
figcaption { margin-top: 8px; }
caption { caption-side: bottom; padding: 10px 0; }
.wide { overflow-x: auto; margin: 0 0 16px; }
table { border-collapse: collapse; font-size: 0.92rem; font-variant-numeric: tabular-nums; }
th, td { padding: 5px 14px 5px 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th { border-bottom: 2px solid var(--soft); vertical-align: bottom; font-weight: 600; }
tbody tr:hover { background: var(--shade); }
.left { text-align: left; }
.right { text-align: right; white-space: nowrap; }
th.right { white-space: normal; }
pre { background: var(--shade); border: 1px solid var(--line); border-radius: 8px;
  padding: 12px 16px; overflow-x: auto; margin: 0 0 16px; font-size: 0.9rem; line-height: 1.45; }
@media print { nav { display: none; } h2 { break-after: avoid; } figure { break-inside: avoid; } }
"""


def render(report: Report) -> str:
    """The page as HTML, without references to other files; with scripts only if it has trials.

    Whatever comes from the report is escaped; the same report, the same page.
    """
    links = "\n".join(
        f'<a href="#section-{i}">{_text(section.heading)}</a>'
        for i, section in enumerate(report.sections, start=1)
    )
    body = "\n".join(
        _section(f"section-{i}", section) for i, section in enumerate(report.sections, start=1)
    )
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    style, scripts = STYLE, ""
    if any(isinstance(block, explorer.Trials) for s in report.sections for block in s.blocks):
        policy += f"; {explorer.policy()}"
        style, scripts = STYLE + explorer.style(), explorer.script_tags()
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{_text(report.title)}</title>
<style>{style}</style>
</head>
<body>
<main>
<h1>{_text(report.title)}</h1>
<p class="lead">{_text(report.lead)}</p>
<nav>
{links}
</nav>
{body}
</main>
{scripts}
</body>
</html>
"""


def write(report: Report, directory: Path) -> Path:
    """Write `report.html` and the PNG of each picture into a folder that exists; returns the page.

    Beside them `report.md`, and `tables/NAME.tex` of each table (`named_tables`). Each file appears
    whole or not at all, the page last. ValueError, before anything is written, for a picture that
    is no PNG, whose name is no plain file name, or is used twice.
    """
    report = report._replace(sections=tuple(map(_drawn, report.sections)))
    pictures = [b for s in report.sections for b in s.blocks if isinstance(b, Picture)]
    taken = [check_name(picture.name) for picture in pictures]
    twice = sorted({name for name in taken if taken.count(name) > 1})
    if twice:
        raise ValueError(f"two pictures share a name: {', '.join(twice)}")
    page = render(report).encode()
    for picture in pictures:
        write_atomic(directory / f"{picture.name}.png", picture.png)
    found = named_tables(report)
    if found:
        (directory / "tables").mkdir(exist_ok=True)
    for name, table in found.items():
        write_atomic(directory / "tables" / f"{name}.tex", latex.to_latex(table, name))
    write_atomic(directory / "report.md", to_markdown(report))
    path = directory / "report.html"
    write_atomic(path, page)
    return path


def named_tables(report: Report) -> dict[str, tables.Table]:
    """Each table by the heading above it, in lower case; from a heading's second on with a number.

    `how_often` and `how_often_2` of a section "How often?".
    """
    found: dict[str, tables.Table] = {}
    for section in report.sections:
        name = re.sub(r"[^a-z0-9]+", "_", section.heading.lower()).strip("_")[:80] or "table"
        for table in (block for block in section.blocks if isinstance(block, tables.Table)):
            numbered = (f"{name}_{count}" for count in range(2, len(found) + 3))
            found[next(free for free in (name, *numbered) if free not in found)] = table
    return found


def to_markdown(report: Report) -> str:
    """The page as Markdown that shows the pictures beside it."""
    return "\n\n".join(filter(None, _markdown(report))) + "\n"


def _markdown(report: Report) -> Iterator[str]:
    yield f"# {markdown.escaped(report.title)}"
    yield f"**{markdown.escaped(report.lead)}**" if report.lead else ""
    for section in report.sections:
        yield f"## {markdown.escaped(section.heading)}"
        for block in section.blocks:
            if isinstance(block, tables.Table):
                yield markdown.to_markdown(block).rstrip("\n")
            elif isinstance(block, Picture):
                yield f"![{markdown.escaped(block.alt)}]({block.name}.png)"
                yield markdown.escaped(block.caption)
            elif isinstance(block, Code):
                fence = "`" * max(3, 1 + max(map(len, re.findall("`+", block.text)), default=0))
                yield f"{fence}\n{clean(block.text)}\n{fence}"
            elif isinstance(block, explorer.Trials):
                yield "In report.html the trials can be sorted, filtered and drawn."
            else:
                yield markdown.escaped(block)


def _drawn(section: Section) -> Section:
    """The section with every figure drawn, once."""
    blocks = (b._replace(figure=b.png) if isinstance(b, Picture) else b for b in section.blocks)
    return section._replace(blocks=tuple(blocks))


def _section(anchor: str, section: Section) -> str:
    blocks = "\n".join(map(_block, section.blocks))
    return f'<section id="{anchor}">\n<h2>{_text(section.heading)}</h2>\n{blocks}\n</section>'


def _block(block: Block) -> str:
    if isinstance(block, tables.Table):
        return tables.to_html(block)
    if isinstance(block, Picture):
        return _picture(block)
    if isinstance(block, Code):
        return f"<pre><code>{_text(block.text)}</code></pre>"
    if isinstance(block, explorer.Trials):
        return explorer.to_html(block)
    return f"<p>{_text(block)}</p>"


def _picture(picture: Picture) -> str:
    png = picture.png
    if not png.startswith(PNG_SIGNATURE):
        raise ValueError(f"picture {picture.name!r} is no PNG")
    width, height = struct.unpack(">II", png[16:24])
    data = base64.b64encode(png).decode()
    caption = f"<figcaption>{_text(picture.caption)}</figcaption>" if picture.caption else ""
    return (
        f'<figure><img width="{width}" height="{height}" alt="{_text(picture.alt)}" '
        f'src="data:image/png;base64,{data}">{caption}</figure>'
    )


def _text(text: str) -> str:
    return html.escape(clean(text))
