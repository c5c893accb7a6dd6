"""Where trials sit: one after another on each CPU core, side by side on each accelerator."""

import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from jaxdl import _cpu
from jaxdl.types import PyTree


class Placement(NamedTuple):
    """Devices, and how the lanes of one device run: `lax.map` or `vmap`."""

    mesh: Mesh
    over_lanes: Callable[..., Callable[..., Any]]

    @property
    def split(self) -> NamedSharding:
        return NamedSharding(self.mesh, PartitionSpec("trial"))

    @property
    def everywhere(self) -> NamedSharding:
        return NamedSharding(self.mesh, PartitionSpec())


def use_all_cores() -> None:
    """Gives JAX one CPU device per core, so that a sweep uses all of them, and tunes it for CPU.

    To be called before JAX is first used; raises RuntimeError after that, unless it has them.
    """
    try:
        jax.config.update("jax_num_cpu_devices", _cpu.count())
        _cpu.tune()
    except RuntimeError:
        if len(jax.local_devices(backend="cpu")) != _cpu.count():
            raise RuntimeError(
                "use_all_cores() comes too late: call it before anything else of JAX"
            ) from None


def place(devices: Sequence[jax.Device] | None = None, batched: bool = False) -> Placement:
    """The placement for these devices (default: all local ones).

    batched: lanes side by side on CPU too, for programs whose steps are a few numbers.

    Warns of CPU devices that leave XLA no worker besides: see `_cpu.tune`.
    """
    devices = tuple(jax.local_devices() if devices is None else devices)
    if devices[0].platform == "cpu" and len(devices) > 1 and _cpu.workers() <= len(devices):
        warnings.warn(
            f"{len(devices)} CPU devices and no worker of XLA's besides: convolutions in long "
            "loops can be wrong; call sweep.use_all_cores() before anything else of JAX, or set "
            f"NPROC to {len(devices) + 1}",
            stacklevel=2,
        )
    mesh = jax.make_mesh((len(devices),), ("trial",), devices=devices, axis_types=(AxisType.Auto,))
    # Batched small matrix products are slow on CPU, and one product after another fills a core.
    on_cpu = devices[0].platform == "cpu"
    return Placement(mesh, one_after_another if on_cpu and not batched else side_by_side)


def one_after_another(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function(*lane, data)` over the leading axis of every `lane` argument, by `lax.map`."""

    def mapped(*arguments: PyTree) -> PyTree:
        *lanes, data = arguments
        return jax.lax.map(lambda lane: function(*lane, data), tuple(lanes))

    return mapped


def side_by_side(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function(*lane, data)` over the leading axis of every `lane` argument, by `vmap`."""

    def mapped(*arguments: PyTree) -> PyTree:
        *lanes, data = arguments
        return jax.vmap(lambda *lane: function(*lane, data))(*lanes)

    return mapped
