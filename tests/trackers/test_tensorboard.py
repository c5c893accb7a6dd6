"""What TensorBoard's own reader of events finds."""

import pytest
from support import streams
from tensorboardX.proto.event_pb2 import Event
from tensorboardX.proto.plugin_hparams_pb2 import HParamsPluginData

from jaxdl.trackers import Identity, events, tensorboard

HPARAMS = {"program": "adam", "learning_rate": 0.5, "nesterov": True, "seed": 3}


def told(workdir, names, rows):
    tracker = tensorboard(workdir)
    for number, name in enumerate(names):
        record = tracker(Identity(f"{number:016x}", name, "a group", HPARAMS))
        record.write(rows[:1])
        record.write(rows[1:])
        record.end("ok")
    return [path.name for path in sorted((workdir / "tb").iterdir())]


def read(folder):
    (file,) = folder.iterdir()
    return [Event.FromString(record) for record in events.records(file.read_bytes())]


def test_rows_are_scalars_and_hyperparameters_a_session(tmp_path):
    rows = [(1, {"train/loss": 0.5}), (2, {"train/loss": 0.25, "evaluation/accuracy": 1.0})]
    (name,) = told(tmp_path, ["adam 0.5 seed 3"], rows)
    found = read(tmp_path / "tb" / name)
    scalars = [
        (e.step, v.tag, v.simple_value)
        for e in found
        for v in e.summary.value
        if not v.metadata.plugin_data.plugin_name
    ]
    assert scalars == [
        (1, "train/loss", 0.5),
        (2, "train/loss", 0.25),
        (2, "evaluation/accuracy", 1.0),
    ]
    begun, ended = (
        HParamsPluginData.FromString(v.metadata.plugin_data.content)
        for e in found
        for v in e.summary.value
        if v.metadata.plugin_data.plugin_name == "hparams"
    )
    values = begun.session_start_info.hparams
    assert values["program"].string_value == "adam"
    assert values["learning_rate"].number_value == 0.5
    assert values["nesterov"].bool_value is True
    assert values["seed"].number_value == 3
    assert begun.session_start_info.group_name == "a group"
    assert ended.session_end_info.status == 1  # STATUS_SUCCESS


def test_it_is_made_anew(tmp_path):
    rows = [(1, {"train/loss": 0.5})]
    assert len(told(tmp_path, ["a", "b", "c"], rows)) == 3
    assert told(tmp_path, ["a/../b: 1"], rows) == ["a_.._b_1-000000"]
    assert len(read(tmp_path / "tb/a_.._b_1-000000")) == 5


def test_what_a_stream_has_written_there_stays(tmp_path):
    with pytest.warns(UserWarning, match="training on a stream writes tb/ itself"):
        streams.fit(tmp_path, trackers=[tensorboard(tmp_path)], steps=8)
    first = next((tmp_path / "tb").iterdir()).read_bytes()
    with pytest.warns(UserWarning, match="training on a stream writes tb/ itself"):
        streams.fit(tmp_path, trackers=[tensorboard(tmp_path)], allow_config_change=True)
    assert first in [path.read_bytes() for path in (tmp_path / "tb").iterdir()]


@pytest.mark.parametrize("size", [3, 20, 40])
def test_a_torn_record_is_left_out_and_a_changed_one_refused(size):
    content = events.row(1, {"a": 1.0}) + events.row(2, {"a": 2.0})
    whole = len(events.row(1, {"a": 1.0}))
    assert len(events.records(content[: whole + min(size, whole - 1)])) == 1
    changed = bytearray(content)
    changed[size] ^= 1
    with pytest.raises(ValueError, match="is not as it was written"):
        events.records(bytes(changed))
