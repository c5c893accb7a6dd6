"""The peers that we are timed against train what they claim to (`make parity`)."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from benchmarks import digits  # noqa: E402
from benchmarks.peers import torch_ensemble as peer  # noqa: E402

TRIALS, STEPS = 3, 5


def one_by_one(params, batches, rates):
    """Each trial by itself with `torch.optim.Adam`, as users write it."""
    found = []
    for trial, rate in enumerate(rates):
        own = [value[trial].clone().requires_grad_() for value in params]
        adam = torch.optim.Adam(own, lr=float(rate))
        for x, y in batches:
            adam.zero_grad()
            peer.one_loss(own, x[trial], y[trial]).backward()
            adam.step()
        found.append(own)
    return [torch.stack(leaves) for leaves in zip(*found, strict=True)]


@pytest.mark.parametrize("gradient", ["baddbmm", "torch.func"])
def test_a_stacked_step_is_adams_of_each_trial_at_its_own_rate(gradient):
    torch.manual_seed(0)
    params, rates = peer.init(TRIALS), torch.tensor([1e-3, 3e-3, 1e-2])
    x = torch.rand(STEPS, TRIALS, digits.BATCH, 64)
    y = torch.randint(0, digits.CLASSES, (STEPS, TRIALS, digits.BATCH))
    batches = list(zip(x, y, strict=True))
    expected = one_by_one(params, batches, rates)
    by = {
        "baddbmm": peer.by_autograd,
        "torch.func": torch.func.vmap(torch.func.grad(peer.one_loss)),
    }
    step = peer.stepper(params, rates.view(-1, 1, 1), by[gradient])
    for batch in batches:
        step(*batch)
    for value, target in zip(params, expected, strict=True):
        np.testing.assert_allclose(value.detach(), target.detach(), rtol=2e-4, atol=2e-5)


def test_the_ensemble_learns_the_digits():
    accuracies = peer.accuracies(2, peer.Way("baddbmm", 2, 1, steps=100))
    assert accuracies.shape == (2,)
    assert accuracies.min() > 0.9
