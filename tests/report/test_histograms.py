import numpy as np

from jaxdl import report


def test_numbers_are_counted_and_marked():
    figure = report.counts(
        [1, 3, 3, 3], {"bounds": [1, 3]}, title="Lengths", x_label="length", y_label="words"
    )
    axes = figure.axes[0]
    assert [bar.get_height() for bar in axes.patches] == [0, 1, 0, 3]
    np.testing.assert_array_equal(axes.lines[0].get_xdata(), [1, 3])
    assert (axes.lines[0].get_ydata() > 3).all()
