import numpy as np
import pytest

from jaxdl.data.sources import scenes
from jaxdl.data.sources.scenes import CELL, CELLS, COLOURS, RELATIONS, SHAPES, WORDS

DATA = scenes.scenes(np.random.default_rng(0), 200)
CAPTIONS = [scenes.text(y) for y in DATA["y"]]


def cells_of(scene):
    """The cells with an object, by columns, read from the bright pixels."""
    bright = DATA["x"][scene].max(axis=-1) > 0.5
    filled = bright.reshape(CELLS, CELL, CELLS, CELL).any(axis=(1, 3))
    return sorted(map(tuple, np.argwhere(filled)), key=lambda cell: cell[1])


def test_the_same_seed_draws_the_same_scenes():
    again = scenes.scenes(np.random.default_rng(0), 200)
    assert all((DATA[name] == again[name]).all() for name in DATA)


def test_shapes_and_ranges():
    assert DATA["x"].shape == (200, 24, 24, 3)
    assert DATA["x"].dtype == np.float32
    assert DATA["x"].min() >= 0
    assert DATA["x"].max() <= 1
    assert DATA["y"].shape == (200, 7)
    assert DATA["named"].shape == DATA["other"].shape == (200, 6, 3, 3)


def test_captions_are_of_one_or_two_objects():
    longest = {len(caption.split()) for caption in CAPTIONS}
    assert longest == {2, 5}
    assert set(" ".join(CAPTIONS).split()) == {*COLOURS, *SHAPES, *RELATIONS}
    for y, caption in zip(DATA["y"], CAPTIONS, strict=True):
        ids = [WORDS.index(word) for word in caption.split()]
        whole = [scenes.START, *ids, scenes.END]
        assert y.tolist() == whole + [scenes.PADDING] * (7 - len(whole))


def test_the_relation_is_that_of_the_rows():
    for scene, caption in enumerate(CAPTIONS):
        cells = cells_of(scene)
        words = caption.split()
        assert len(cells) == (len(words) + 1) // 3
        if len(cells) == 2:
            sign = np.sign(cells[1][0] - cells[0][0])
            assert words[2] == {1: "above", 0: "beside", -1: "below"}[int(sign)]


def test_words_and_cells_are_of_the_object_that_stands_there():
    pixels = {"square": 36, "disc": 32, "cross": 20}
    for scene, caption in enumerate(CAPTIONS):
        words, cells = caption.split(), cells_of(scene)
        for place, (row, column) in enumerate(cells):
            cell = DATA["x"][scene].reshape(CELLS, CELL, CELLS, CELL, 3)[row, :, column]
            inside = cell.max(axis=-1) > 0.5
            assert inside.sum() == pixels[words[3 * place + 1]]
            colour = cell[inside].mean(axis=0)
            distance = {name: abs(colour - value).sum() for name, value in COLOURS.items()}
            assert min(distance, key=distance.get) == words[3 * place]
            for word in (3 * place, 3 * place + 1):
                assert np.argwhere(DATA["named"][scene, word]).tolist() == [[row, column]]
                others = [list(other) for other in cells if other != (row, column)]
                assert np.argwhere(DATA["other"][scene, word]).tolist() == others


@pytest.mark.parametrize("word", [2, 5])
def test_relations_and_ends_name_nothing(word):
    assert not DATA["named"][:, word].any()
