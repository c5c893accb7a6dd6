#!/usr/bin/env bash
# safetensors 0.8.0: `save` writes bfloat16 and float8 arrays of JAX and NumPy that `load` cannot read.
#
# Expected: `load(save(tensors))` gives the tensors back, in every dtype that `save` takes.
# Instead: `safetensors.flax.load` and `safetensors.numpy.load`, the functions for bytes, raise
#   KeyError: 'BF16' (float8: 'F8_E4M3', 'F8_E5M2'). `safe_open` reads bfloat16 from a file, and
#   raises AttributeError for float8 (module 'numpy' has no attribute 'float8_e4m3fn').
# Seen on 2026-11-29, Python 3.11, safetensors 0.8.0, jax 0.10.2:
#   flax bfloat16: saved; load raises KeyError; safe_open gives it back
#   flax float8_e4m3fn: saved; load raises KeyError; safe_open raises AttributeError
#   flax float8_e5m2: saved; load raises KeyError; safe_open raises AttributeError
#   flax float16: saved; load gives it back; safe_open gives it back
# Why it matters: weights that are written in the dtype of training can be read by path alone; a
#   checkpoint that comes out of an archive or over a wire, as bytes, cannot, and the error names
#   neither the tensor nor the dtype.
# Remedy: for bfloat16 a file and `safe_open`; for all of them build the arrays from
#   `safetensors.deserialize(data)` with the dtypes of ml_dtypes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install --quiet --disable-pip-version-check \
  safetensors==0.8.0 jax==0.10.2 jaxlib==0.10.2 flax==0.12.8
export JAX_PLATFORMS=cpu

cat >probe.py <<'PYTHON'
"""Saves an array of a dtype, and reads it from bytes and from a file."""

import sys

import jax.numpy as jnp
import safetensors
import safetensors.flax


def outcome(read):
    try:
        return "gives it back" if bool((read() == wanted).all()) else "gives another one"
    except (AttributeError, KeyError) as error:
        return f"raises {type(error).__name__}"


def from_file():
    with safetensors.safe_open("file.safetensors", "flax") as tensors:
        return tensors.get_tensor("a")


wanted = jnp.arange(4).astype(sys.argv[1])
data = safetensors.flax.save({"a": wanted})
with open("file.safetensors", "wb") as stream:
    stream.write(data)
by_bytes = outcome(lambda: safetensors.flax.load(data)["a"])
line = f"flax {sys.argv[1]}: saved; load {by_bytes}; safe_open {outcome(from_file)}"
print(line, flush=True)
sys.exit(line != sys.argv[2])
PYTHON
expect() { venv/bin/python probe.py "$1" "$2" || { echo "no longer so"; exit 1; }; }

expect bfloat16 "flax bfloat16: saved; load raises KeyError; safe_open gives it back"
expect float8_e4m3fn "flax float8_e4m3fn: saved; load raises KeyError; safe_open raises AttributeError"
expect float8_e5m2 "flax float8_e5m2: saved; load raises KeyError; safe_open raises AttributeError"
expect float16 "flax float16: saved; load gives it back; safe_open gives it back"
