import struct

import pandas as pd
import pytest
from tensorboardX.proto.event_pb2 import Event

from jaxdl.report.tensorboard import write_curves, write_scalars


def events(path):
    """Records of a TensorBoard file: length, its checksum, the event, its checksum."""
    content = path.read_bytes()
    while content:
        (length,) = struct.unpack("<Q", content[:8])
        yield Event.FromString(content[12 : 12 + length])
        content = content[16 + length :]


def scalars_of(folder):
    (file,) = folder.iterdir()
    return [
        (value.tag, event.step, value.simple_value)
        for event in events(file)
        for value in event.summary.value
    ]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_scalars_are_read_back_and_a_second_writing_replaces_the_first(tmp_path):
    folder = tmp_path / "tb"
    write_scalars(folder, {"old": {"loss": ([1], [9.0])}})
    write_scalars(
        folder,
        {"sgd": {"loss": ([1, 2], [0.5, 0.25])}, "adam": {"loss": ([3], [0.125])}},
    )
    assert sorted(path.name for path in folder.iterdir()) == ["adam", "sgd"]
    assert scalars_of(folder / "sgd") == [("loss", 1, 0.5), ("loss", 2, 0.25)]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("by", ["model", ("model",)])
def test_curves_of_one_column_are_named_by_its_values(tmp_path, by):
    curves = pd.DataFrame([
        {"model": model, "seed": seed, "step": 1, "loss": loss + seed}
        for model, loss in (("a", 0.5), ("b", 1.5)) for seed in (0, 1)
    ])  # fmt: skip
    write_curves(tmp_path / "tb", curves, by, "loss")
    assert scalars_of(tmp_path / "tb" / "b") == [("loss", 1, 2.0)]
