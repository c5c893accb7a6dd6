"""What counts as right where a bracket closes, by hand; the words of each part."""

import jax
import numpy as np
import pytest

from experiments import dyck
from jaxdl.data.sources import sequences
from jaxdl.launch import config

(ROUND, SQUARE), (CLOSED, SHUT) = sequences.OPEN, sequences.CLOSE


def test_shares_by_hand():
    # ( [ ] ) and then, closed by the wrong kind in the end, [ ( ) ].
    x = np.array([[ROUND, SQUARE, SHUT, CLOSED], [SQUARE, ROUND, CLOSED, SHUT]])
    y = np.array([[*x[0, 1:], sequences.DYCK_END], [*x[1, 1:], sequences.DYCK_END]])
    batch = {"y": y, "mask": np.isin(y, sequences.CLOSE), "depth": np.array([[1, 2, 1, 0]] * 2)}
    logits = np.zeros((2, 4, dyck.IDS))
    said = [[ROUND, SHUT, CLOSED, SHUT], [ROUND, CLOSED, CLOSED, CLOSED]]
    np.put_along_axis(logits, np.array(said)[..., None], 1.0, axis=-1)
    found = jax.jit(dyck.closed, static_argnums=2)(logits, batch, 3)
    np.testing.assert_allclose(found, [3 / 4, 1 / 2, 1, np.nan])


def test_the_words_of_each_part():
    arguments = ["x", "--config.words=64", "--config.pairs=6", "--config.depth=2"]
    data = dyck.load(config.parse(arguments, dyck.Config, "dyck").config)
    sizes = {part: (own["x"] > 0).sum(axis=1) // 2 for part, own in data.items()}
    assert {part: (size.min(), size.max()) for part, size in sizes.items()} == {
        "train": (1, 6), "validation": (1, 6), "test": (1, 6), "longer": (12, 18),
        "deeper": (6, 18),
    }  # fmt: skip
    assert [data[part]["depth"].max() for part in ("test", "longer", "deeper")] == [2, 2, 4]


@pytest.mark.parametrize(
    ("flag", "match"),
    [
        ("models=gru", "lstm is to be among"),
        ("units=12", "no multiple of 8"),
        ("depth=13", "config.depth: at most config.pairs"),
    ],
)
def test_what_cannot_be_planned_is_told(flag, match):
    with pytest.raises(ValueError, match=match):
        dyck.plan(config.parse(["x", f"--config.{flag}"], dyck.Config, "dyck").config)
