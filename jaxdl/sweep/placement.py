"""Where trials sit: one after another on each CPU core, side by side on each accelerator."""

import os
import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from jaxdl import _cpu
from jaxdl.types import PyTree

DEVICES = "jax_num_cpu_devices"
FORCED = "xla_force_host_platform_device_count"
"""How JAX, and how once XLA, is told the number of CPU devices."""


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
        jax.config.update(DEVICES, _cpu.count())
        _cpu.tune()
    except RuntimeError:
        if len(jax.local_devices(backend="cpu")) != _cpu.count():
            raise RuntimeError(
                "use_all_cores() comes too late: call it before anything else of JAX"
            ) from None


def take_all_cores() -> None:
    """`use_all_cores`, unless it was said how many CPU devices JAX is to have.

    Warns where that comes too late, so that sweeps on a CPU use fewer cores than there are.
    """
    if getattr(jax.config, DEVICES) > 0 or FORCED in os.environ.get("XLA_FLAGS", ""):
        return
    try:
        use_all_cores()
    except RuntimeError:
        if jax.default_backend() != "cpu":
            return
        cores, devices = _cpu.count(), jax.local_device_count()
        warnings.warn(
            f"sweeps use {devices} of {cores} cores: JAX had started before it was told of the "
            f"others; call sweep.use_all_cores() first, or set JAX_NUM_CPU_DEVICES={cores}",
            stacklevel=2,
        )


def place(devices: Sequence[jax.Device] | None = None, batched: bool = False) -> Placement:
    """The placement for these devices (default: all local ones).

    batched: lanes side by side on CPU too, for programs whose steps are a few numbers.

    Where JAX has not started, and no devices are given, it gets one for each core of a CPU.
    Warns where it has, with fewer; and of CPU devices that leave XLA no worker besides: see
    `_cpu.tune`.
    """
    if devices is None:
        take_all_cores()
        devices = jax.local_devices()
    devices = tuple(devices)
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
