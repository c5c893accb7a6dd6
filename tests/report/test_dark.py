"""Inks on dark paper: WCAG's formula, what is turned over and what stays."""

import io

import matplotlib.image
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import rgb_to_hsv, to_rgb, to_rgba

from jaxdl.report import css, dark, heat_maps, style
from jaxdl.report.plots import dots


def test_contrast_is_that_of_wcag():
    # WCAG 2.1: black on white is 21; #777777 on white 4.48, #767676 the first grey above 4.5.
    assert dark.contrast((0, 0, 0), (1, 1, 1)) == pytest.approx(21)
    assert dark.contrast(to_rgb("#777777"), (1, 1, 1)) == pytest.approx(4.48, abs=0.005)
    assert dark.contrast((1, 1, 1), to_rgb("#767676")) == pytest.approx(4.54, abs=0.005)


@pytest.mark.parametrize("colours", [css.LIGHT, css.DARK], ids=["light", "dark"])
def test_every_text_of_a_page_can_be_read_on_its_grounds(colours):
    for name in sorted(set(colours) - {"paper", "shade", "line"}):
        for ground in ("paper", "shade"):
            found = dark.contrast(to_rgb(colours[name]), to_rgb(colours[ground]))
            assert found >= 4.5, (name, ground, found)


@pytest.mark.parametrize("colour", style.COLOURS)
def test_lines_can_be_read_on_dark_paper_and_keep_their_hue(colour):
    light, turned = to_rgba(colour, 0.5), dark.on_dark(to_rgba(colour, 0.5))
    assert dark.contrast(turned[:3], to_rgb(dark.PAPER)) >= 4.5
    assert turned[3] == 0.5
    hues = [rgb_to_hsv(each[:3])[0] for each in (light, turned)]
    assert hues[1] == pytest.approx(hues[0], abs=0.02) or colour == "#000000"


def test_white_and_black_become_paper_and_ink():
    np.testing.assert_allclose(dark.on_dark((1.0, 1.0, 1.0, 1.0))[:3], to_rgb(dark.PAPER))
    np.testing.assert_allclose(dark.on_dark((0.0, 0.0, 0.0, 1.0))[:3], to_rgb(dark.INK))


def test_a_dark_rendering_is_on_dark_paper_in_the_same_places_and_leaves_the_figure():
    figure = dots({"accuracy (%)": {"a": [1, 2], "b": [3]}}, title="Title")
    light, other = map(pixels, style.to_pngs(figure))
    assert light.shape == other.shape
    np.testing.assert_allclose(light[0, -1, :3], 1)
    np.testing.assert_allclose(other[0, -1, :3], to_rgb(dark.PAPER), atol=1 / 255)
    drawn = [np.ptp(image[..., :3] - image[0, -1, :3], axis=-1) > 0.2 for image in (light, other)]
    assert (drawn[0] == drawn[1]).mean() > 0.999  # coloured pixels
    assert figure.get_facecolor() == (1, 1, 1, 1)
    assert figure.axes[0].lines[0].get_color() == style.COLOURS[0]


def test_cells_of_a_map_keep_their_colours_and_their_numbers_stay_readable():
    figure = heat_maps.heat_map(pd.DataFrame(np.linspace(0, 100, 40).reshape(5, 8)))
    axes = figure.axes[0]
    image = axes.images[0]
    for text, value in zip(axes.texts, image.get_array().ravel(), strict=True):
        ground = image.to_rgba(value)[:3]
        assert dark.contrast(to_rgb(text.get_color()), ground) >= 4.5
    style.to_png(figure)
    before = [text.get_color() for text in axes.texts]
    with dark.darkened(figure):
        assert [text.get_color() for text in axes.texts] == before
        label = axes.get_xticklabels()[0].get_color()
        assert dark.contrast(to_rgb(label), to_rgb(dark.PAPER)) >= 4.5


def pixels(png):
    return matplotlib.image.imread(io.BytesIO(png))
