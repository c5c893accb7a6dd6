#!/usr/bin/env bash
# lightbench 0.1.1: `hard` of the layer-scale problem is `medium`; five of six quantized ones raise.
#
# Expected: each difficulty of a problem is another problem, from `trivial` to `nightmare`.
# Instead: `layer_wise_scale` names the number of `hard` `size` where the others say `scale`, and
#   what is not found is medium's 1e3, in silence. `quadratic_quantized_gradient` names the bins of
#   all difficulties but the first `size`, so its model cannot be made.
# Seen on 2026-11-30, with heavyball 2.3.1 and torch 2.13.0 on a CPU (`.cuda()` does nothing here,
#   `trial` only says which model it was given; heavyball needs gpytorch and pandas and does not ask
#   for them):
#   layer_wise_scale: trivial 2, easy 10, medium 1000, hard 1000, extreme 1e+07, nightmare 1e+09
#   quadratic_quantized_gradient: trivial 32 bins a side, easy TypeError, medium TypeError,
#   hard TypeError, extreme TypeError, nightmare TypeError
# Why it matters: a table of difficulties solved counts `hard` of layer scales with `medium`, and a
#   matrix of published results has empty cells that say nothing of the optimizer.
# Remedy: compare by the numbers of the model, not by the names of its difficulties.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install --quiet --disable-pip-version-check \
  lightbench==0.1.1 heavyball==2.3.1 gpytorch==1.15.2 pandas==2.3.3 torch==2.13.0
venv/bin/python - <<'PYTHON'
import sys

import torch
from lightbench import layer_wise_scale, quadratic_quantized_gradient

torch.nn.Module.cuda = lambda self: self
quadratic_quantized_gradient.param_norm_win_condition = lambda *given: None  # asks for CUDA
LEVELS = ("trivial", "easy", "medium", "hard", "extreme", "nightmare")


def seen(module, attribute):
    """What the model has that each difficulty is tried with, or the error."""
    found = []
    module.trial = lambda model, *rest, **options: found.append(float(getattr(model, attribute)))
    for level in LEVELS:
        try:
            module.main(
                dtype="float32", steps=256, weight_decay=0.0, opt="AdamW", trials=1,
                win_condition_multiplier=1.0, config=level,
            )
        except TypeError as error:
            found.append(type(error).__name__)
    return found


scales = seen(layer_wise_scale, "scale")
bins = seen(quadratic_quantized_gradient, "bins")
print("layer_wise_scale:", *zip(LEVELS, scales))
print("quadratic_quantized_gradient:", *zip(LEVELS, bins))
as_found = scales == [2, 10, 1e3, 1e3, 1e7, 1e9] and bins == [32.0] + ["TypeError"] * 5
sys.exit(not as_found)
PYTHON
