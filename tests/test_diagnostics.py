import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxdl import diagnostics, losses, tasks
from jaxdl.layers.norms import BatchNorm
from jaxdl.models import MLP, ResNet
from jaxdl.types import Task

KEY = jax.random.key(0)
X = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)
Y = np.array([0, 1, 2, 0, 1, 2], np.int32)


class Small(nn.Module):
    """A shared layer, a norm with running statistics, and a ReLU that is no module."""

    @nn.compact
    def __call__(self, x, *, train):
        shared = nn.Dense(4, name="shared")
        x = BatchNorm(name="norm")(shared(nn.relu(shared(x))), train=train)
        return nn.Dense(3, name="last")(x)


@pytest.fixture(scope="module")
def small():
    task = tasks.classification(Small())
    return task, *jax.jit(task.init)(KEY, {"x": X, "y": Y})


def numpy_mlp(params, x):
    z = x @ np.asarray(params["Dense_0"]["kernel"]) + np.asarray(params["Dense_0"]["bias"])
    h = np.maximum(z, 0)
    return z, h, h @ np.asarray(params["Dense_1"]["kernel"]) + np.asarray(params["Dense_1"]["bias"])


TASK = tasks.classification(MLP((5,), 3))


@pytest.fixture(scope="module")
def params():
    params, _ = jax.jit(TASK.init)(KEY, {"x": X, "y": Y})
    kernel, bias = (np.array(params["Dense_0"][name]) for name in ("kernel", "bias"))
    # Unit 0 never fires, unit 1 always does and is far out.
    kernel[:, :2], bias[:2] = 0, [-1, 3]
    return params | {"Dense_0": {"kernel": kernel, "bias": bias}}


def flow_of(params, batch):
    return diagnostics.gradient_flow(TASK, params, {}, batch, KEY)


compiled_flow = jax.jit(flow_of)


@pytest.fixture(scope="module")
def flow(params):
    return jax.device_get(compiled_flow(params, {"x": X, "y": Y}))


class TestGradientFlow:
    def test_modules_come_in_the_order_of_their_calls(self, params):
        names = []
        jax.eval_shape(lambda params: names.extend(flow_of(params, {"x": X, "y": Y})), params)
        assert names == ["Dense_0", "Dropout_0", "Dense_1"]

    def test_moments_are_those_of_numpy(self, params, flow):
        paths = ("Dense_0", "Dropout_0", "Dense_1")
        for path, outputs in zip(paths, numpy_mlp(params, X), strict=True):
            np.testing.assert_allclose(flow[path]["output_mean"], outputs.mean(), atol=1e-6)
            np.testing.assert_allclose(flow[path]["output_std"], outputs.std(), rtol=1e-5)

    def test_counts_dead_and_saturated_units(self, params, flow):
        _, h, _ = numpy_mlp(params, X)
        assert (h[:, 0] == 0).all()
        assert flow["Dropout_0"]["dead"] == pytest.approx((h == 0).all(0).mean())
        assert flow["Dropout_0"]["saturated"] == pytest.approx((h > 0.99).mean())
        assert flow["Dense_0"]["dead"] == 0  # its outputs are pre-activations

    def test_gradients_are_those_of_the_loss(self, params, flow):
        batch = {"x": X, "y": Y}
        grads = jax.jit(jax.grad(lambda p: TASK.loss(p, {}, batch, KEY, train=True)[0]))(params)
        for path in ("Dense_0", "Dense_1"):
            values = np.concatenate([np.ravel(leaf) for leaf in grads[path].values()])
            for name, value in (
                ("mean", values.mean()),
                ("std", values.std()),
                ("norm", np.linalg.norm(values)),
            ):
                np.testing.assert_allclose(flow[path][f"gradient_{name}"], value, atol=1e-6)
        assert np.isnan(flow["Dropout_0"]["gradient_norm"])

    def test_gradients_by_the_outputs_are_those_by_hand(self, params, flow):
        z, _, logits = numpy_mlp(params, X)
        shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        by_logits = (shares - np.eye(3)[Y]) / len(Y)
        by_hidden = by_logits @ np.asarray(params["Dense_1"]["kernel"]).T
        expected = {"Dense_1": by_logits, "Dropout_0": by_hidden, "Dense_0": by_hidden * (z > 0)}
        for path, values in expected.items():
            np.testing.assert_allclose(flow[path]["backward_mean"], values.mean(), atol=1e-7)
            np.testing.assert_allclose(flow[path]["backward_std"], values.std(), rtol=1e-5)

    def test_padding_changes_nothing(self, params, flow):
        padded = {
            "x": np.concatenate([X, np.full((2, 4), 100.0, np.float32)]),
            "y": np.concatenate([Y, [0, 0]]),
            "mask": np.array([1] * 6 + [0] * 2, np.float32),
        }
        again = compiled_flow(params, padded)
        for ours, theirs in zip(jax.tree.leaves(again), jax.tree.leaves(flow), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)
        nothing = compiled_flow(params, {**padded, "mask": np.zeros(8, np.float32)})
        assert np.isnan(nothing["Dense_1"]["dead"])

    def test_a_frame_has_one_row_a_module(self, flow):
        frame = diagnostics.flow_frame(flow)
        assert list(frame.index) == list(flow)
        assert frame.loc["Dense_1", "output_std"] == pytest.approx(
            float(flow["Dense_1"]["output_std"])
        )

    def test_models_with_state_and_shared_modules_under_jit(self, small):
        task, params, state = small
        run = jax.jit(
            lambda params: diagnostics.gradient_flow(
                task, params, state, {"x": X, "y": Y}, KEY, off=lambda z: z <= 0
            )
        )
        flow = run(params)
        assert set(flow) == {"shared", "norm", "last"}
        kernel, bias = (np.asarray(params["shared"][name]) for name in ("kernel", "bias"))
        first = X @ kernel + bias
        both = np.concatenate([first, np.maximum(first, 0) @ kernel + bias])
        np.testing.assert_allclose(flow["shared"]["output_std"], both.std(), rtol=1e-5)
        assert flow["shared"]["dead"] == pytest.approx((both <= 0).all(0).mean())
        assert flow["norm"]["output_mean"] == pytest.approx(0, abs=1e-5)  # of the batch: training

    def test_modules_in_a_lifted_loop_are_left_out(self):
        task = tasks.classification(ResNet((2,), 2, 3))
        batch = {"x": np.zeros((2, 4, 4, 1), np.float32), "y": Y[:2]}

        def flow(key):
            return diagnostics.gradient_flow(task, *task.init(key, batch), batch, key)

        assert set(jax.eval_shape(flow, KEY)) == {"Conv_0", "BatchNorm_0", "Dense_0"}

    def test_a_task_that_hides_its_outputs_is_refused(self):
        def loss(params, model_state, batch, key, *, train):
            return jnp.sum(params["w"] ** 2), ({}, {})

        hidden = Task(TASK.init, loss, TASK.predict)
        with pytest.raises(ValueError, match="to itself"):
            diagnostics.gradient_flow(hidden, {"w": jnp.ones(2)}, {}, {"x": X, "y": Y}, KEY)


@pytest.mark.parametrize("shape", [(5, 5), (3, 8), (8, 3)])
def test_largest_singular_value_is_that_of_numpy(shape):
    matrix = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    expected = np.linalg.norm(matrix, 2)
    largest = jax.jit(diagnostics.largest_singular_value, static_argnums=1)
    for scale in (1.0, 1e-12, 1e15):
        value = largest((scale * matrix).astype(np.float32), 100)
        np.testing.assert_allclose(value, scale * expected, rtol=1e-5)


def test_the_largest_singular_value_of_zeros_is_zero():
    largest = jax.jit(diagnostics.largest_singular_value, static_argnums=1)
    assert float(largest(np.zeros((3, 2), np.float32), 5)) == 0


class TestGradientNormByStep:
    inputs = jnp.zeros((9, 3))

    @staticmethod
    @jax.jit
    def linear(matrix, inputs):
        def step(state, x):
            return matrix @ state + x

        return diagnostics.gradient_norm_by_step(step, jnp.ones(3), inputs, jnp.sum)

    @pytest.mark.parametrize("sigma", [0.5, 1.0, 2.0])
    def test_a_scaled_rotation_vanishes_or_explodes_as_a_power(self, sigma):
        rotation, _ = np.linalg.qr(np.random.default_rng(2).normal(size=(3, 3)))
        norms = self.linear(jnp.asarray(sigma * rotation, jnp.float32), self.inputs)
        np.testing.assert_allclose(norms, np.sqrt(3) * sigma ** np.arange(9.0, -1, -1), rtol=1e-5)

    def test_a_large_singular_value_is_not_enough_to_explode(self):
        """σ_max = 3, yet the square of the matrix is zero: necessary, not sufficient."""
        matrix = jnp.array([[0.0, 3, 0], [0, 0, 0], [0, 0, 0]])
        norms = np.asarray(self.linear(matrix, self.inputs))
        np.testing.assert_allclose(norms[-2:], [3, np.sqrt(3)], rtol=1e-6)
        assert not norms[:-2].any()

    def test_of_a_pair_of_states_is_that_of_each_step_by_hand(self):
        def step(state, x):
            return {"c": state["c"] * jnp.tanh(state["h"]) + x, "h": jnp.sin(state["c"])}

        def loss(state):
            return jnp.sum(state["h"] ** 2 + state["c"])

        inputs = jnp.linspace(0.0, 1.0, 6).reshape(3, 2)
        state = {"c": jnp.array([0.3, -1.0]), "h": jnp.array([1.0, 2.0])}

        @jax.jit
        def both(state):
            norms = diagnostics.gradient_norm_by_step(step, state, inputs, loss)
            by_hand = []
            for t in range(4):

                def rest(state, t=t):
                    for x in inputs[t:]:
                        state = step(state, x)
                    return loss(state)

                by_hand.append(optax.tree.norm(jax.grad(rest)(state)))
                state = step(state, inputs[t]) if t < 3 else state
            return norms, jnp.stack(by_hand)

        np.testing.assert_allclose(*both(state), rtol=1e-5)


@pytest.mark.parametrize(("rate", "memorized"), [(0.1, True), (0.0, False)])
def test_overfit_batch(rate, memorized):
    task = tasks.classification(MLP((16,), 3))
    found = diagnostics.overfit_batch(task, optax.adam(rate), KEY, {"x": X, "y": Y}, 100)
    assert found.memorized is memorized
    assert found.last["accuracy"] == 1 if memorized else found.last == found.first
    assert found.first["loss"] > 0.1


def test_signals_by_layer_are_those_of_a_plain_forward_and_backward_pass():
    rng = np.random.default_rng(0)
    shapes = {"first": (4, 6), "hidden": (2, 6, 6), "last": (6, 3)}
    kernels = {name: rng.normal(size=s).astype(np.float32) for name, s in shapes.items()}
    x, y = rng.normal(size=(5, 2, 2)).astype(np.float32), rng.integers(3, size=5)

    def loss(layers):
        z = x.reshape(5, 4)
        for kernel in layers[:-1]:
            z = jnp.tanh(z @ kernel)
        return losses.softmax_cross_entropy(z @ layers[-1], y).mean()

    @jax.jit
    def both(kernels):
        layers = [kernels["first"], *kernels["hidden"], kernels["last"]]
        found = diagnostics.signal_by_layer(jnp.tanh, kernels, {"x": x, "y": y})
        return jax.grad(loss)(layers)[:-1], found

    gradients, found = both(kernels)
    norms = [np.linalg.norm(gradient) for gradient in gradients]
    z, seen = x.reshape(5, 4), []
    for kernel in (kernels["first"], *kernels["hidden"]):
        seen.append(z @ kernel)
        z = np.tanh(seen[-1])
    still = [1 - np.tanh(each) ** 2 < 0.1 for each in seen]
    np.testing.assert_allclose(found["moment"], [np.log2((a**2).mean()) for a in seen], rtol=1e-4)
    np.testing.assert_allclose(found["gradient"], np.log2(norms), rtol=1e-4)
    np.testing.assert_allclose(found["saturated"], [each.mean() for each in still], rtol=1e-6)
    np.testing.assert_allclose(found["dead"], [each.all(0).mean() for each in still], rtol=1e-6)
