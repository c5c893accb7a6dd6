"""Every map shows its weights, all by the same colours."""

import itertools

import numpy as np
import pytest

from jaxdl.report.alignments import Alignment, alignments

MAPS = [
    Alignment(np.array([[0.1, 0.9], [0.7, 0.3], [0.5, 0.5]]), ["x", "y", "end"], ["a", "$b"]),
    Alignment(np.array([[0.2, 0.0, 0.8]]), ["z"], ["c", "c", "d"]),
]


def test_weights_stand_at_their_outputs_and_inputs():
    figure = alignments(MAPS, title="Maps", output_label="said", input_label="read")
    panels = [axes for axes in figure.axes if axes.images]
    for axes, (weights, outputs, inputs) in zip(panels, MAPS, strict=True):
        np.testing.assert_array_equal(axes.images[0].get_array(), weights)
        assert axes.images[0].get_clim() == (0, 1)
        assert [label.get_text() for label in axes.get_xticklabels()] == inputs
        assert [label.get_text() for label in axes.get_yticklabels()] == outputs
        assert axes.get_xlabel() == "read"
    assert panels[0].get_ylabel() == "said"


def test_names_of_long_sequences_do_not_overlap():
    words = [f"representation {place}" for place in range(40)]
    maps = [Alignment(np.zeros((40, 40)), words, words), Alignment(np.zeros((2, 3)), "ab", "cde")]
    figure = alignments(maps, title="", output_label="said", input_label="read")
    figure.draw_without_rendering()
    long, short = (axes for axes in figure.axes if axes.images)
    for labels in (long.get_xticklabels(), long.get_yticklabels(), short.get_xticklabels()):
        boxes = [label.get_window_extent() for label in labels]
        assert not any(a.overlaps(b) for a, b in itertools.pairwise(boxes))
        assert all(label.get_text() for label in labels)
    for label in long.get_xticklabels():
        assert label.get_text() == words[int(label.get_position()[0])]
    assert len(long.get_xticklabels()) >= 10


def test_names_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="1 outputs and 1 inputs"):
        alignments([MAPS[1]._replace(inputs=["c"])], title="", output_label="", input_label="")
