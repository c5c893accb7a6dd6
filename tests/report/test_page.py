"""The page: whole, escaped, balanced, and in need of nothing outside itself."""

import html.parser
import os
import re
import subprocess
import sys

import pytest

from jaxdl.report import page, style, tables

VOID = {"meta", "img", "br", "hr", "link", "input"}
EVIL = '<script>alert("x")</script> & \'"'


class Parsed(html.parser.HTMLParser):
    """Fails on unbalanced tags; keeps the tags, the attributes and the text."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.text, self.stack = [], [], "", []
        self.feed(text)
        self.close()
        assert self.stack == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.stack.append(tag)

    def handle_endtag(self, tag):
        assert self.stack.pop() == tag

    def handle_data(self, data):
        self.text += data


@pytest.fixture(scope="module")
def png():
    return style.to_png(style.new_figure(1.5, "figure"))


def report(png, name="figure_1"):
    blocks = (
        f"A paragraph {EVIL}",
        tables.Table(("class", "count"), ((EVIL, "3"),), frozenset({1}), EVIL),
        page.Picture(name, png, EVIL, EVIL),
        page.Code(f"python -m x  # {EVIL}\n  --y"),
    )
    sections = (page.Section(f"Data {EVIL}", blocks), page.Section("End", ()))
    return page.Report(f"Title {EVIL}", f"Lead {EVIL}", sections, f"Question {EVIL}")


def test_the_page_is_balanced_and_shows_hostile_text_as_text(png):
    parsed = Parsed(page.render(report(png)))
    assert "script" not in parsed.tags
    assert not any(name.startswith("on") for name, _ in parsed.attributes)
    for words in ("Title", "Question", "Lead", "Data", "A paragraph", "python -m x  #"):
        assert f"{words} {EVIL}" in parsed.text
    assert ("alt", EVIL) in parsed.attributes
    assert parsed.tags.count("h2") == 2


def test_the_page_needs_nothing_from_outside(png):
    text = page.render(report(png))
    parsed = Parsed(text)
    links = [value for name, value in parsed.attributes if name in ("src", "href")]
    assert links
    assert all(link.startswith(("data:image/png;base64,", "#section-")) for link in links)
    assert "link" not in parsed.tags
    assert not re.search(r"https?:|url\(|@import|//[a-z]", text.split("base64")[0])
    anchors = {value for name, value in parsed.attributes if name == "id"}
    assert {link[1:] for link in links if link.startswith("#")} == anchors


def test_images_have_their_size(png):
    attributes = Parsed(page.render(report(png))).attributes
    assert ("width", "1080") in attributes
    assert ("height", "180") in attributes


def test_write_leaves_the_page_and_the_same_pngs(png, tmp_path):
    path = page.write(report(png), tmp_path)
    assert path == tmp_path / "report.html"
    assert path.read_text(encoding="utf-8") == page.render(report(png))
    assert (tmp_path / "figure_1.png").read_bytes() == png
    names = ["figure_1.png", "report.html", "report.md", "tables"]
    assert sorted(p.name for p in tmp_path.iterdir()) == names
    (table,) = page.named_tables(report(png))
    assert [p.name for p in (tmp_path / "tables").iterdir()] == [f"{table}.tex"]


def test_tables_are_named_by_their_headings():
    one = tables.Table(("a",), (("1",),))
    sections = [page.Section("How often?", (one, "words", one)), page.Section("how often", (one,))]
    found = page.named_tables(page.Report("", "", (*sections, page.Section("…", (one,)))))
    assert list(found) == ["how_often", "how_often_2", "how_often_3", "table"]


def test_the_page_as_markdown_shows_hostile_text_as_text(png):
    text = page.to_markdown(report(png))
    assert text.startswith("# Title \\<script\\>")
    assert text.split("\n\n")[1].startswith("Question \\<script\\>")
    assert '![\\<script\\>alert("x")\\</script\\> & \'"](figure_1.png)' in text
    assert "```\npython -m x  # <script>" in text
    assert "| class | count |\n| --- | ---: |\n" in text
    assert "<script" not in text.replace("\\<script", "").split("```")[0]


@pytest.mark.parametrize("name", ["../x", "a/b", ".hidden", ""])
def test_write_refuses_names_that_lead_elsewhere(png, name, tmp_path):
    with pytest.raises(ValueError, match="plain file name"):
        page.write(report(png, name), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_write_refuses_two_pictures_of_a_name_and_what_is_no_png(png, tmp_path):
    twice = report(png)
    twice = twice._replace(sections=twice.sections * 2)
    with pytest.raises(ValueError, match="share a name: figure_1"):
        page.write(twice, tmp_path)
    with pytest.raises(ValueError, match="is no PNG"):
        page.write(report(b"GIF89a"), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_text_that_is_no_unicode_can_be_written(png, tmp_path):
    page.write(page.Report("a\ud800b\x00", "", ()), tmp_path)
    assert "a\ufffdb\ufffd" in (tmp_path / "report.html").read_text(encoding="utf-8")


FULL_DISK = """
import pathlib, resource, signal, sys
from jaxdl.report import page
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    page.write(page.Report("new", "", ()), pathlib.Path(sys.argv[1]))
except OSError:
    sys.exit(75)
"""


def test_a_full_disk_keeps_the_old_page(tmp_path):
    path = page.write(page.Report("old", "", ()), tmp_path)
    before = path.read_bytes()
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    ended = subprocess.run([sys.executable, "-c", FULL_DISK, str(tmp_path)], env=environment)
    assert ended.returncode == 75
    assert path.read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["report.html", "report.md"]
