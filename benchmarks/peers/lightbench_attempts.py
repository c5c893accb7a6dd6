"""Attempts of LightBench 0.1.1 (PyTorch), the public suite of diagnostic problems, on CPU.

Model, loss and condition of success of a case are those of its module, the loop of an attempt is
that of the package, with its checks and its early stopping. It is written for CUDA devices: what it
makes there is made on the CPU here. Its search, a Bayesian one, is left out, so that only training
is timed; PyTorch's own AdamW is faster in it than the suite's.
"""

import contextlib
import importlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from unittest import mock

GROUP = 256
"""Steps after which it looks whether it has won; a budget is rounded down to multiples."""
LISTS = ("beale", "rosenbrock")
"""Modules whose `dtype` is a list."""


def attempts(case: str, level: str, steps: int, threads: int) -> Callable[[Sequence[float]], bool]:
    """`(rate, 1 − β₁, 1 − β₂) -> whether it won`, of a case at a level.

    Raises ImportError where the package, or one that it needs, is missing.
    """
    import torch
    from lightbench import utils

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    its = given(case, level, steps)
    won = False

    def win(model: Any, loss: float) -> tuple[bool, Any]:
        nonlocal won
        reached, said = its["win"](model, loss)
        won |= bool(reached)
        return bool(reached), said

    with _on_cpu():
        objective = utils.Objective(
            3, its["model"], torch.optim.AdamW, steps, GROUP, its["data"] or utils._none_data,
            its["loss_fn"], win, 0, 10**9, None, device="cpu",
        )  # fmt: skip
    made = utils.FailureCounter.new

    def fresh(counter: Any) -> Any:
        with _on_cpu():
            return made(counter)

    def attempt(point: Sequence[float]) -> bool:
        nonlocal won
        won = False
        with mock.patch.object(utils.FailureCounter, "new", fresh):
            objective.objective((*point, 1.0))
        return won

    return attempt


def given(case: str, level: str, steps: int) -> dict[str, Any]:
    """What a case hands to the suite's search."""
    module = importlib.import_module(f"lightbench.{case}")
    its: dict[str, Any] = {}

    def trial(model: Any, data: Any, loss_fn: Any, win: Any, *_: Any, **__: Any) -> None:
        its.update(model=model, data=data, loss_fn=loss_fn, win=win)

    dtype = ["float32"] if case in LISTS else "float32"
    with _on_cpu(), mock.patch.object(module, "trial", trial):
        module.main(
            dtype=dtype, steps=steps, weight_decay=0, opt=["AdamW"], trials=1,
            win_condition_multiplier=1.0, config=level,
        )  # fmt: skip
    return its


@contextlib.contextmanager
def _on_cpu() -> Iterator[None]:
    """Whatever asks for a CUDA device gets the CPU."""
    import torch
    from torch.overrides import TorchFunctionMode

    class OnCpu(TorchFunctionMode):
        def __torch_function__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            kwargs = dict(kwargs or {})
            if str(kwargs.get("device", "")).startswith("cuda"):
                kwargs["device"] = "cpu"
            return func(*args, **kwargs)

    stay = mock.patch.object(torch.nn.Module, "cuda", lambda self, device=None: self)
    with OnCpu(), stay:
        yield
