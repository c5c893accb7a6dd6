"""The gradient-flow report of any Flax model: its numbers are those of the frames."""

import flax.linen as nn
import jax
import numpy as np
import pandas as pd
import pytest

from jaxdl import diagnostics, report, tasks

KEY = jax.random.key(0)
BATCH = {
    "x": np.random.default_rng(0).normal(size=(6, 5, 4)).astype(np.float32),
    "y": np.array([0, 1, 2, 0, 1, 2]),
}


class Foreign(nn.Module):
    """Attention, a norm and a shared layer: nothing of the house's."""

    @nn.compact
    def __call__(self, x):
        x = nn.LayerNorm()(nn.MultiHeadDotProductAttention(2, name="attention")(x))
        return nn.Dense(3, name="head")(x.mean(axis=1))


@pytest.fixture(scope="module")
def frames():
    task = tasks.classification(Foreign())

    @jax.jit
    def flow(key):
        params, state = task.init(key, BATCH)
        return diagnostics.gradient_flow(task, params, state, BATCH, key)

    return [diagnostics.flow_frame(flow(jax.random.key(seed))) for seed in range(2)]


def panel(picture, title):
    return next(axes for axes in picture.figure.axes if axes.get_title(loc="left") == title)


def test_lines_are_the_moments_of_every_module(frames):
    picture = report.gradient_flow({"drawn": pd.concat(frames)}, title="Flow")
    assert picture.name == "flow"
    axes = panel(picture, "∂loss/∂outputs (second moment)")
    moments = [frame["backward_mean"] ** 2 + frame["backward_std"] ** 2 for frame in frames]
    (line,) = axes.lines
    np.testing.assert_allclose(line.get_ydata(), np.sqrt(moments[0] * moments[1]), rtol=1e-6)
    assert axes.get_yscale() == "log"
    (line,) = panel(picture, "saturated outputs (%)").lines
    expected = 50 * (frames[0]["saturated"] + frames[1]["saturated"])
    np.testing.assert_allclose(line.get_ydata(), expected, rtol=1e-6)
    labels = [label.get_text() for label in panel(picture, "dead units (%)").get_xticklabels()]
    assert labels == [name if len(name) <= 22 else name[:21] + "…" for name in frames[0].index]
    assert len(picture.drawn().figure) > 1000


def test_modules_without_parameters_and_what_theory_leaves_out_are_gaps(frames):
    theory = pd.DataFrame({"output_mean": 0.0, "output_std": 2.0}, index=frames[0].index)
    picture = report.gradient_flow({"drawn": frames[0]}, expected={"one": theory}, title="Flow")
    _, dotted = panel(picture, "outputs (second moment)").lines
    np.testing.assert_allclose(dotted.get_ydata(), 4.0)
    drawn, dotted = panel(picture, "∂loss/∂parameters (second moment)").lines
    assert np.isnan(dotted.get_ydata()).all()
    bare = frames[0]["gradient_norm"].isna().to_numpy()
    assert bare.any()
    np.testing.assert_array_equal(np.isnan(drawn.get_ydata()), bare)


def test_nothing_to_draw_is_refused(frames):
    with pytest.raises(ValueError, match="no module to draw"):
        report.gradient_flow({"drawn": frames[0].iloc[:0]}, title="Flow")


def test_what_theory_says_of_a_flow_may_have_its_name(frames):
    theory = pd.DataFrame({"output_mean": 0.0, "output_std": 2.0}, index=frames[0].index)
    picture = report.gradient_flow({"he": frames[0]}, expected={"he": theory}, title="Flow")
    drawn, dotted = panel(picture, "outputs (second moment)").lines
    assert (drawn.get_linestyle(), dotted.get_linestyle()) == ("-", ":")
    assert set(dotted.get_ydata()) == {4.0}
