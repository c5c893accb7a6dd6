"""A run on a stream that takes no time: a line through forty points."""

import json

import flax.linen as nn
import jax
import numpy as np
import optax

from jaxdl import streaming, tasks, train
from jaxdl.data.batches import epochs
from jaxdl.trackers.events import records

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 3)).astype(np.float32)
DATA = {"x": X, "y": X @ np.array([[1.0], [-2.0], [0.5]], np.float32)}
TASK = tasks.regression(nn.Dense(1))
TX = optax.adam(0.1)
STEPS = 23
SEED = 0
initial = jax.jit(train.init, static_argnums=(0, 1))


def data(seed=0, batch_size=8):
    return epochs(DATA, batch_size, seed)


def fit(workdir, task=TASK, tx=TX, batches=None, **options):
    options = {"steps": STEPS, "log_steps": 5, "save_steps": 4, "save_seconds": None, **options}
    batches = data() if batches is None else batches
    return streaming.fit(
        task, tx, initial(task, tx, jax.random.key(SEED), DATA), batches, workdir, **options
    )


class Listed:
    """A stream of one's own."""

    def __init__(self, batches):
        self.batches, self.place = batches, 0

    def __iter__(self):
        return self

    def __next__(self):
        if self.place == len(self.batches):
            raise StopIteration
        self.place += 1
        return self.batches[self.place - 1]

    def get_state(self):
        return {"place": self.place}

    def set_state(self, state):
        self.place = state["place"]


def after(steps):
    """Asks to stop when so many steps of this session are done."""
    asked = iter(range(1, 10_000))
    return lambda: next(asked) == steps


def lines(workdir):
    """All rows, each strict JSON."""
    text = (workdir / "metrics.jsonl").read_text()
    return [json.loads(line, parse_constant=refuse) for line in text.splitlines()]


def refuse(constant):
    raise ValueError(constant)


def rows(workdir):
    """Rows without what is another number in every session."""
    return [
        {name: v for name, v in row.items() if not name.startswith(("speed/", "device/"))}
        for row in lines(workdir)
    ]


def events(workdir):
    """What a reader of all of TensorBoard's files sees: `(step, name, value)`, in their order."""
    from tensorboardX.proto.event_pb2 import Event

    found = []
    for path in sorted((workdir / "tb").iterdir(), key=lambda path: int(path.suffix[1:])):
        content = path.read_bytes()
        found_records = records(content)
        assert sum(16 + len(record) for record in found_records) == len(content)
        for record in found_records:
            event = Event.FromString(record)
            found += [(event.step, entry.tag, entry.simple_value) for entry in event.summary.value]
    return found


def of_rows(workdir):
    """What `events` is to give, from the rows."""
    return [
        (row["step"], name, np.float32(value))
        for row in lines(workdir)
        for name, value in row.items()
        if name != "step"
    ]
