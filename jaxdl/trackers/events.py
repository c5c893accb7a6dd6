"""Files of events as TensorBoard reads them: records, as in a TFRecord file.

Of tensorboardX's writers one has a queue, which a flush does not empty and a kill loses; the
other's flush waits for the disk.
"""

import struct
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tensorboardX.proto.event_pb2 import Event

HPARAMS = "hparams"
"""The plugin with the table of hyperparameters."""
_OK, _FAILED = 1, 2
"""How a session of it ended."""


def start(step: int) -> bytes:
    """What a file begins with: a TensorBoard that is open forgets later steps."""
    from tensorboardX.proto.event_pb2 import Event, SessionLog

    version = Event(wall_time=time.time(), file_version="brain.Event:2")
    begun = SessionLog(status=SessionLog.START)
    return _record(version) + _record(
        Event(wall_time=time.time(), step=step + 1, session_log=begun)
    )


def row(step: int, values: Mapping[str, float]) -> bytes:
    """Numbers by name."""
    from tensorboardX.proto.event_pb2 import Event
    from tensorboardX.proto.summary_pb2 import Summary

    entries = [Summary.Value(tag=name, simple_value=value) for name, value in values.items()]
    return _record(Event(wall_time=time.time(), step=step, summary=Summary(value=entries)))


def session(hparams: Mapping[str, Any], group: str) -> bytes:
    """A line of the table of hyperparameters; of a group it shows means."""
    from tensorboardX.proto.plugin_hparams_pb2 import HParamsPluginData, SessionStartInfo

    begun = SessionStartInfo(group_name=group, start_time_secs=time.time())
    for name, value in hparams.items():
        if isinstance(value, bool):
            begun.hparams[name].bool_value = value
        elif isinstance(value, int | float):
            begun.hparams[name].number_value = value
        else:
            begun.hparams[name].string_value = str(value)
    return _of_plugin("session_start_info", HParamsPluginData(session_start_info=begun))


def session_end(good: bool) -> bytes:
    """Ends that line."""
    from tensorboardX.proto.plugin_hparams_pb2 import HParamsPluginData, SessionEndInfo

    ended = SessionEndInfo(status=_OK if good else _FAILED, end_time_secs=time.time())
    return _of_plugin("session_end_info", HParamsPluginData(session_end_info=ended))


def _of_plugin(name: str, data: Any) -> bytes:
    from tensorboardX.proto.event_pb2 import Event
    from tensorboardX.proto.summary_pb2 import Summary, SummaryMetadata

    plugin = SummaryMetadata.PluginData(plugin_name=HPARAMS, content=data.SerializeToString())
    value = Summary.Value(tag=f"_hparams_/{name}", metadata=SummaryMetadata(plugin_data=plugin))
    return _record(Event(wall_time=time.time(), summary=Summary(value=[value])))


def _record(event: "Event") -> bytes:
    data = event.SerializeToString()
    length = struct.pack("<Q", len(data))
    return length + _sum(length) + data + _sum(data)


def records(content: bytes) -> list[bytes]:
    """The records of a file of events, as far as they are whole: a kill tears the last one.

    Raises ValueError for one that is not as it was written.
    """
    found: list[bytes] = []
    place = 0
    while len(content) >= place + 12:
        length, data = content[place : place + 8], place + 12
        end = data + int.from_bytes(length, "little")
        if content[place + 8 : data] != _sum(length):
            raise ValueError(f"record {len(found) + 1} is not as it was written")
        if len(content) < end + 4:
            break
        found.append(content[data:end])
        if content[end : end + 4] != _sum(found[-1]):
            raise ValueError(f"record {len(found)} is not as it was written")
        place = end + 4
    return found


def _sum(part: bytes) -> bytes:
    from tensorboardX.record_writer import masked_crc32c

    return struct.pack("<I", masked_crc32c(part))
