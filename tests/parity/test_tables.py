"""Tables of Hugging Face's datasets are data as pandas' are."""

import datasets
import numpy as np
import pandas as pd

from jaxdl.data import read


def test_a_table_of_hugging_face_is_read_as_its_frame_is():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({
        "age": rng.normal(50, 10, 120),
        "place": rng.choice(["Oslo", "Rome"], 120),
        "ill": rng.choice(["no", "yes"], 120),
    })  # fmt: skip
    table = datasets.Dataset.from_pandas(frame, preserve_index=False)
    data, preparation = read(table, "ill")
    np.testing.assert_array_equal(data["train"]["x"], read(frame, "ill")[0]["train"]["x"])
    x = preparation.prepare(table.remove_columns("ill").select(range(4)))
    np.testing.assert_array_equal(x, preparation.prepare(frame[:4]))
