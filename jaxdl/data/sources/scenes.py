"""Small drawn scenes with captions that name what is in them, and where it is.

A picture of 24×24 pixels has 3×3 cells and one object, or two in different columns, on a dark noisy
ground. A caption names the left object first: "red square", "red square above blue disc". The
relation is that of the rows, "beside" where they are one.
"""

import numpy as np

COLOURS = {"red": (0.9, 0.2, 0.2), "green": (0.2, 0.8, 0.3), "blue": (0.3, 0.4, 1.0)}
SHAPES = ("square", "disc", "cross")
RELATIONS = ("above", "beside", "below")
PADDING, START, END = range(3)
WORDS = ("<padding>", "<start>", "<end>", *COLOURS, *SHAPES, *RELATIONS)
"""A word's id is its place."""
CELLS, CELL, SIZE = 3, 8, 6
"""Cells a side, and pixels a side of a cell and of an object."""
LONGEST = 6
"""Words of the longest caption, the end included."""
NOISE = 0.1


def scenes(rng: np.random.Generator, count: int) -> dict[str, np.ndarray]:
    """`count` scenes, about half of them with two objects.

    x: pictures float32 `[N, 24, 24, 3]` in 0 … 1
    y: captions int32 `[N, 7]`, from `START` to `END`, then `PADDING`
    named, other: float32 `[N, 6, 3, 3]`, 1 at the cell of the object that the word after y[:, t]
        names, and at that of the object it does not name; zeros for a word that names none, and in
        `other` where there is one object
    """
    drawn = [_scene(rng) for _ in range(count)]
    return {name: np.stack([scene[name] for scene in drawn]) for name in drawn[0]}


def text(caption: np.ndarray) -> str:
    """The words of ids `[T]` up to the first `END`, without `START`."""
    ids = list(caption)
    ids = ids[: ids.index(END)] if END in ids else ids
    return " ".join(WORDS[i] for i in ids if i not in (START, PADDING))


def _scene(rng: np.random.Generator) -> dict[str, np.ndarray]:
    x = NOISE * rng.random((CELLS * CELL, CELLS * CELL, 3))
    count = int(rng.integers(1, 3))
    columns = np.sort(rng.choice(CELLS, count, replace=False))
    cells = [(int(rng.integers(CELLS)), int(column)) for column in columns]
    words = [START]
    for place, cell in enumerate(cells):
        if place:
            words.append(WORDS.index(RELATIONS[1 + np.sign(cells[0][0] - cell[0])]))
        colour, shape = str(rng.choice(list(COLOURS))), str(rng.choice(SHAPES))
        words += [WORDS.index(colour), WORDS.index(shape)]
        _draw(rng, x, cell, colour, shape)
    words.append(END)
    named, other = np.zeros((2, LONGEST, CELLS, CELLS), np.float32)
    for place, cell in enumerate(cells):
        # Two words an object, with the relation between them.
        own = slice(3 * place, 3 * place + 2)
        named[own][:, *cell] = 1
        for rest in cells[:place] + cells[place + 1 :]:
            other[own][:, *rest] = 1
    y = np.full(LONGEST + 1, PADDING, np.int32)
    y[: len(words)] = words
    return {"x": x.astype(np.float32), "y": y, "named": named, "other": other}


def _draw(
    rng: np.random.Generator, x: np.ndarray, cell: tuple[int, int], colour: str, shape: str
) -> None:
    """Draws an object in place, at a random offset within its cell."""
    top, left = CELL * np.array(cell) + rng.integers(CELL - SIZE + 1, size=2)
    rows, columns = np.indices((SIZE, SIZE)) - (SIZE - 1) / 2
    inside = {
        "square": np.ones((SIZE, SIZE), bool),
        "disc": rows**2 + columns**2 < (SIZE / 2) ** 2,
        "cross": np.minimum(abs(rows), abs(columns)) < 1,
    }[shape]
    x[top : top + SIZE, left : left + SIZE][inside] += np.array(COLOURS[colour]) * (1 - NOISE)
