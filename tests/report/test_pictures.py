"""A sheet shows each picture in its place, what is beyond its bounds clipped."""

import numpy as np
import pytest

from jaxdl.report.pictures import images, picture


@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (1, 2, 4, 4, 3)])
def test_each_picture_is_where_it_belongs(shape):
    values = np.linspace(-2, 2, np.prod(shape)).reshape(shape)
    figure = images(values, ["first row"], ["left", "right"], "Sheet", low=-1, high=1)
    shown = [axes.images[0].get_array() for axes in figure.axes]
    assert len(shown) == shape[0] * shape[1]
    expected = np.clip((values + 1) / 2, 0, 1).reshape(-1, *shape[2:])
    np.testing.assert_allclose(np.stack(shown), expected, atol=1e-7)
    assert [axes.get_title() for axes in figure.axes[:2]] == ["left", "right"]
    assert figure.axes[0].get_ylabel() == "first row"


def test_a_long_label_is_folded_not_cut():
    label = "green disc beside green cross"
    figure = images(np.zeros((1, 1, 2, 2)), [label], [], "")
    assert figure.axes[0].get_ylabel().split("\n") == ["green disc beside", "green cross"]


def test_a_picture_has_the_name_of_its_title():
    figure = images(np.zeros((1, 1, 2, 2)), [], [], "Digits, " + "shifted " * 12 + "(η)")
    drawn = picture(figure, "Caption.")
    assert drawn.name == "digits" + "_shifted" * 12
    assert drawn.alt == "Digits, " + "shifted " * 12 + "(η)"
    assert drawn.caption == "Caption."
