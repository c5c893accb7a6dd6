"""Names, lines and bytes of figures."""

import struct

import matplotlib

from jaxdl.report import style


def test_the_first_lines_differ_without_colour_too():
    lines = style.line_styles([f"line {i}" for i in range(7)]).values()
    assert len({line["color"] for line in lines}) == 7
    assert len({line["marker"] for line in lines}) == 7
    many = style.line_styles(list(range(24))).values()
    assert len({(line["marker"], line["linestyle"]) for line in many}) == 24


def test_short_keeps_one_line_of_drawable_characters():
    assert style.short("he_normal") == "he_normal"
    assert style.short("a\nb\tc") == "a b c"
    assert style.short("x" * 30) == "x" * 21 + "…"
    assert style.short("日x\x1b") == "\ufffdx\ufffd"
    assert style.short(128) == "128"


def test_a_png_has_its_size_and_the_same_bytes_again():
    pngs = [style.to_png(style.new_figure(2.0, "title")) for _ in range(2)]
    assert pngs[0].startswith(b"\x89PNG\r\n\x1a\n")
    assert struct.unpack(">II", pngs[0][16:24]) == (1080, 240)
    assert pngs[0] == pngs[1]


def test_the_style_ends_with_its_block():
    before = dict(matplotlib.rcParams)
    with style.house_style():
        assert matplotlib.rcParams["text.parse_math"] is False
    style.to_png(style.new_figure(1.0, ""))
    assert dict(matplotlib.rcParams) == before
