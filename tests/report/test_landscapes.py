import numpy as np

from jaxdl.report.landscapes import paths, trajectories


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


def test_a_wild_way_does_not_widen_the_window_and_what_is_lost_is_not_drawn():
    tame = [np.array([[0.0, 1.0], [2.0, 0.5]]), np.array([[0.0, 1.0], [np.nan, np.inf]])]
    wild = np.array([[0.0, 1.0], [1e9, -1e9]])
    optima = np.array([[1.0, 0.0]])
    figure = trajectories(
        lambda x, y: x**2 + y**2, {"a": tame, "b": tame, "c": [wild]}, optima, title="Ways"
    )
    first, *_, last = figure.axes
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["a", "b", "c"]
    assert np.abs([first.get_xlim(), first.get_ylim()]).max() < 3
    assert last.get_xlim() == first.get_xlim()
    shown = [line.get_xydata() for line in first.lines]
    np.testing.assert_array_equal(shown[0], tame[0])
    np.testing.assert_array_equal(shown[3], tame[1][:1])
    np.testing.assert_array_equal(shown[-1], optima)
