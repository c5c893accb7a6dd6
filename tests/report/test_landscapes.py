import numpy as np

from jaxdl.report.landscapes import trajectories


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
