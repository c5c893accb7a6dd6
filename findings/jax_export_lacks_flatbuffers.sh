#!/usr/bin/env bash
# jax 0.10.2: `jax.export` cannot write or read its files with what jax itself installs.
#
# Expected: after `pip install jax`, `jax.export.export(jit)(shape).serialize()` gives the bytes that
#   `jax.export.deserialize` reads elsewhere: that is what the module is for.
# Instead: the format is made by the package flatbuffers, which jax does not depend on; exporting
#   works, then `serialize` raises that flatbuffers is missing. Where another package has brought
#   it, nothing is noticed, so it is the machine that the model is delivered to where it fails.
# Seen on 2026-11-30:
#   jax 0.10.2 alone: exported; serialize: ImportError, flatbuffers
#   with flatbuffers 25.12.19: exported; serialized and read: 3.0
# Why it matters: a model is exported on a machine with many packages and served on one with few.
# Remedy: name flatbuffers beside jax wherever exported files are written or read.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
install() { venv/bin/python -m pip install --quiet --disable-pip-version-check "$@"; }
install jax==0.10.2 jaxlib==0.10.2
cat > try.py <<'PYTHON'
import jax
import jax.numpy as jnp

exported = jax.export.export(jax.jit(lambda x: x + 1))(jax.ShapeDtypeStruct((), jnp.float32))
try:
    read = jax.export.deserialize(exported.serialize())
    print("exported; serialized and read:", read.call(jnp.float32(2)))
except ImportError as error:
    missing = "flatbuffers" if "flatbuffers" in str(error) else error
    print(f"exported; serialize: {type(error).__name__}, {missing}")
PYTHON
alone=$(JAX_PLATFORMS=cpu venv/bin/python try.py)
echo "jax 0.10.2 alone: $alone"
install flatbuffers==25.12.19
echo "with flatbuffers 25.12.19: $(JAX_PLATFORMS=cpu venv/bin/python try.py)"
case $alone in *flatbuffers) ;; *) echo "no longer so" >&2; exit 1 ;; esac
