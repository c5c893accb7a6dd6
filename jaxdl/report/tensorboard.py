"""Curves as TensorBoard files."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd


def write_scalars(
    folder: Path, curves: Mapping[str, Mapping[str, tuple[Sequence[int], Sequence[float]]]]
) -> None:
    """Writes `{run: {tag: (steps, values)}}` into a folder that is made anew, a subfolder a run."""
    # Imported late: it takes seconds, and few ask for it.
    from tensorboardX import SummaryWriter

    shutil.rmtree(folder, ignore_errors=True)
    for run, tags in curves.items():
        with SummaryWriter(logdir=str(folder / run), write_to_disk=True) as writer:
            for tag, (steps, values) in tags.items():
                for step, value in zip(steps, values, strict=True):
                    writer.add_scalar(tag, float(value), int(step))


def write_curves(folder: Path, curves: pd.DataFrame, by: str | Sequence[str], name: str) -> None:
    """Writes the mean over seeds of a curve of each condition: `Results.curve_frame` by `step`."""
    by = [by] if isinstance(by, str) else list(by)
    means = curves.groupby([*by, "step"], sort=False)[name].mean().reset_index()
    runs = {
        "-".join(map(str, condition)): {name: (part["step"], part[name])}
        for condition, part in means.groupby(by, sort=False)
    }
    write_scalars(folder, runs)
