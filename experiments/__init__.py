"""Experiments: one claim, one space and one measurement a file, on one shared runner."""

from jaxdl import _cpu

_cpu.share()
