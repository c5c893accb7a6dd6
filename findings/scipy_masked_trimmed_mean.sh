#!/usr/bin/env bash
# scipy 1.17.1: `mstats.trimmed_mean_ci` counts masked values as if they had been measured.
#
# Expected: `scipy.stats.mstats` is for arrays with missing values; the interval of 20 values with 20
#   masked ones beside them is the interval of the 20 values.
# Instead: the standard error (`mstats.trimmed_stde`) divides by the root of the length of the array,
#   masked values included: with half of them missing the interval is narrower by the root of 2.
#   Without missing values it is Yuen's (1974), as the textbooks have it. `mstats.sem` is right.
# Seen on 2026-11-29:
#   scipy 1.17.1
#   20 values:                 [-0.551  0.212]
#   the same and 20 masked:    [-0.421  0.083]
#   sem without and with:      0.1952042707998897 0.1952042707998897
#   95 % intervals that hold the true mean, of 2000:
#     without missing values 93.6%, with as many masked 80.7%
# Why it matters: results with failed runs masked out are the ordinary case, and the more of them
#   failed the surer the others look.
# Remedy: give the function `values.compressed()`.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install --quiet --disable-pip-version-check numpy==2.4.6 scipy==1.17.1
venv/bin/python - <<'PYTHON'
import sys

import numpy as np
import scipy
from scipy.stats import mstats

MEASURED, RUNS = 20, 2_000
rng = np.random.default_rng(0)


def with_missing(values):
    return np.ma.masked_invalid(np.concatenate([values, np.full_like(values, np.nan)]))


values = rng.normal(size=MEASURED)
print("scipy", scipy.__version__)
print("20 values:                ", mstats.trimmed_mean_ci(values).round(3))
print("the same and 20 masked:   ", mstats.trimmed_mean_ci(with_missing(values)).round(3))
print("sem without and with:     ", mstats.sem(values), mstats.sem(with_missing(values)))
covered = np.zeros(2)
for _ in range(RUNS):
    values = rng.normal(size=MEASURED)
    for column, data in enumerate((values, with_missing(values))):
        low, high = mstats.trimmed_mean_ci(data)
        covered[column] += low <= 0 <= high
covered /= RUNS
print(f"95 % intervals that hold the true mean, of {RUNS}:")
print(f"  without missing values {covered[0]:.1%}, with as many masked {covered[1]:.1%}")
if covered[1] > 0.9:
    sys.exit("no longer so")
PYTHON
