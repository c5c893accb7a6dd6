#!/usr/bin/env bash
# optax 0.2.8: in bfloat16 the loss by integer labels is 0 from a margin of 7 on.
#
# Expected: `softmax_cross_entropy_with_integer_labels` and `softmax_cross_entropy` with one-hot
#   labels give one number, right to bfloat16's 0.4 %.
# Instead: the first subtracts the label's logit from the logarithm of the sum, both in bfloat16, so
#   the loss is a multiple of the spacing of numbers of that size (1/32 from 4 on): 0.03125 where
#   0.02206 is right, 0 where 0.00817 is. The second subtracts the maximum first and reaches
#   somewhat farther. The gradients are not 0.
# Seen on 2026-11-29, 10 classes, logits 0 but for the label's:
#   optax 0.2.8
#   margin 5: float32 0.05887, bfloat16 by label 0.06250, by one-hot 0.06055
#   margin 6: float32 0.02206, bfloat16 by label 0.03125, by one-hot 0.02319
#   margin 7: float32 0.00817, bfloat16 by label 0.00000, by one-hot 0.00778
#   margin 8: float32 0.00301, bfloat16 by label 0.00000, by one-hot 0.00000
# Why it matters: a well-trained classifier or language model in bfloat16 reports losses that are
#   wrong by a third, then 0, so early stopping, perplexity and comparisons see noise of rounding.
# Remedy: `logits.astype(jnp.float32)` before any loss.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install --quiet --disable-pip-version-check \
  jax==0.10.2 jaxlib==0.10.2 optax==0.2.8
JAX_PLATFORMS=cpu venv/bin/python - <<'PYTHON'
import sys

import jax
import jax.numpy as jnp
import optax

print("optax", optax.__version__)
for margin in (5, 6, 7, 8):
    logits = jnp.zeros(10).at[0].set(margin)
    right = float(optax.softmax_cross_entropy_with_integer_labels(logits, 0))
    narrow = logits.astype(jnp.bfloat16)
    by_label = float(optax.softmax_cross_entropy_with_integer_labels(narrow, 0))
    by_one_hot = float(optax.softmax_cross_entropy(narrow, jax.nn.one_hot(0, 10)))
    print(
        f"margin {margin}: float32 {right:.5f}, bfloat16 by label {by_label:.5f}, "
        f"by one-hot {abs(by_one_hot):.5f}"
    )
    if margin == 7 and by_label != 0:
        sys.exit("no longer so")
PYTHON
