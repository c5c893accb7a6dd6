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
from jaxdl._text import check_name, clean
from jaxdl._workdir import REPORT
from jaxdl.report import explorer, latex, markdown, tables, verdicts
from jaxdl.report.css import STYLE
from jaxdl.report.style import to_pngs

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
ON_DARK = "screen and (prefers-color-scheme: dark)"
"""Where dark pictures are shown: not on paper."""


class Picture(NamedTuple):
    """A figure of the page.

    name: of the file beside the page, without `.png`
    figure: a Matplotlib figure, or the bytes of a PNG
    alt: what it shows, for those who do not see it
    caption: how to read it
    dark: a PNG for dark pages; drawn with the figure, from bytes there is none
    """

    name: str
    figure: "Figure | bytes"
    alt: str
    caption: str = ""
    dark: bytes = b""

    def drawn(self) -> "Picture":
        """The picture with the bytes of its file in place of a figure."""
        if isinstance(self.figure, bytes):
            return self
        light, dark = to_pngs(self.figure)
        return self._replace(figure=light, dark=dark)


class Code(NamedTuple):
    """Lines to be read, or run, as they are."""

    text: str


Block: TypeAlias = "str | tables.Table | Picture | Code | verdicts.Verdicts | explorer.Trials"


class Section(NamedTuple):
    """A heading and what stands below it; a `str` is a paragraph."""

    heading: str
    blocks: Sequence[Block]


class Report(NamedTuple):
    """A page: its title, the sentence to remember, the sections; below the title what was asked."""

    title: str
    lead: str
    sections: tuple[Section, ...]
    question: str = ""


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
    lead = f'<p class="lead">{_text(report.lead)}</p>' if report.lead else ""
    question = f'<p class="question">{_text(report.question)}</p>' if report.question else ""
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
{question}
{lead}
<nav>
{links}
</nav>
{body}
</main>
{scripts}
</body>
</html>
"""


def write(report: Report, directory: str | Path) -> Path:
    """Write `report.html` and the PNG of each picture into a folder, made if need be; the page.

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
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    for picture in pictures:
        write_atomic(directory / f"{picture.name}.png", _png(picture))
    found = named_tables(report)
    if found:
        (directory / "tables").mkdir(exist_ok=True)
    for name, table in found.items():
        write_atomic(directory / "tables" / f"{name}.tex", latex.to_latex(table, name))
    write_atomic(directory / "report.md", to_markdown(report))
    path = directory / REPORT
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
    yield markdown.escaped(report.question)
    yield f"**{markdown.escaped(report.lead)}**" if report.lead else ""
    for section in report.sections:
        yield f"## {markdown.escaped(section.heading)}"
        for block in section.blocks:
            if isinstance(block, tables.Table):
                yield markdown.to_markdown(block).rstrip("\n")
            elif isinstance(block, Picture):
                yield f"![{markdown.escaped(block.alt)}]({block.name}.png)"
                yield markdown.escaped(block.caption)
            elif isinstance(block, verdicts.Verdicts):
                yield verdicts.to_markdown(block)
            elif isinstance(block, Code):
                fence = "`" * max(3, 1 + max(map(len, re.findall("`+", block.text)), default=0))
                yield f"{fence}\n{clean(block.text)}\n{fence}"
            elif isinstance(block, explorer.Trials):
                yield "In report.html the trials can be sorted, filtered and drawn."
            else:
                yield markdown.escaped(block)


def _drawn(section: Section) -> Section:
    """The section with every figure drawn, once."""
    blocks = (b.drawn() if isinstance(b, Picture) else b for b in section.blocks)
    return section._replace(blocks=tuple(blocks))


def _section(anchor: str, section: Section) -> str:
    blocks = "\n".join(map(_block, section.blocks))
    return f'<section id="{anchor}">\n<h2>{_text(section.heading)}</h2>\n{blocks}\n</section>'


def _block(block: Block) -> str:
    if isinstance(block, tables.Table):
        return tables.to_html(block)
    if isinstance(block, Picture):
        return _picture(block)
    if isinstance(block, verdicts.Verdicts):
        return verdicts.to_html(block)
    if isinstance(block, Code):
        return f"<pre><code>{_text(block.text)}</code></pre>"
    if isinstance(block, explorer.Trials):
        return explorer.to_html(block)
    return f"<p>{_text(block)}</p>"


def _picture(picture: Picture) -> str:
    picture = picture.drawn()
    png = _png(picture)
    width, height = struct.unpack(">II", png[16:24])
    caption = f"<figcaption>{_text(picture.caption)}</figcaption>" if picture.caption else ""
    image = f'<img width="{width}" height="{height}" alt="{_text(picture.alt)}" src="{_data(png)}">'
    if picture.dark:
        dark = f'<source media="{ON_DARK}" srcset="{_data(picture.dark)}">'
        image = f"<picture>{dark}{image}</picture>"
    return f"<figure>{image}{caption}</figure>"


def _png(picture: Picture) -> bytes:
    """The bytes of a drawn picture; ValueError where they are no PNG."""
    png = picture.figure
    if not isinstance(png, bytes) or not png.startswith(PNG_SIGNATURE):
        raise ValueError(f"picture {picture.name!r} is no PNG")
    return png


def _data(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def _text(text: str) -> str:
    return html.escape(clean(text))
