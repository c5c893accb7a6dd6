import struct

import pytest
from tensorboardX.proto.event_pb2 import Event

from jaxdl.report.tensorboard import write_scalars


def events(path):
    """Records of a TensorBoard file: length, its checksum, the event, its checksum."""
    content = path.read_bytes()
    while content:
        (length,) = struct.unpack("<Q", content[:8])
        yield Event.FromString(content[12 : 12 + length])
        content = content[16 + length :]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_scalars_are_read_back_and_a_second_writing_replaces_the_first(tmp_path):
    folder = tmp_path / "tb"
    write_scalars(folder, {"old": {"loss": ([1], [9.0])}})
    write_scalars(
        folder,
        {"sgd": {"loss": ([1, 2], [0.5, 0.25])}, "adam": {"loss": ([3], [0.125])}},
    )
    assert sorted(path.name for path in folder.iterdir()) == ["adam", "sgd"]
    (file,) = (folder / "sgd").iterdir()
    scalars = [
        (value.tag, event.step, value.simple_value)
        for event in events(file)
        for value in event.summary.value
    ]
    assert scalars == [("loss", 1, 0.5), ("loss", 2, 0.25)]
