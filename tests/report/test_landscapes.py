import numpy as np

from jaxdl.report.landscapes import paths


def test_each_way_is_drawn_from_its_start_to_its_end_and_seen_whole():
    ways = [np.array([[0.0, 1.0], [1.0, -2.0]]), np.array([[-1.0, 0.5], [0.0, 0.0]])]
    figure = paths(
        lambda x, y: x**2 + y**2, {"sgd": ways, "adam": ways[:1]},
        title="Ways", across=(-2, 2), up=1.0,
    )  # fmt: skip
    first, second = figure.axes
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["sgd", "adam"]
    drawn = [line.get_xydata() for line in first.lines]
    np.testing.assert_array_equal(drawn[0], ways[0])
    np.testing.assert_array_equal(drawn[1], ways[0][:1])
    np.testing.assert_array_equal(drawn[5], ways[1][-1:])
    assert len(second.lines) == 3
    np.testing.assert_allclose(first.get_ylim(), (-2.1, 2.1))
