#!/usr/bin/env bash
# scipy 1.17.1: `mstats.trimmed_mean_ci` counts masked values as if they had been measured.
#
# Expected: `scipy.stats.mstats` is for arrays with missing values; the interval of 20 values with
#   20 masked ones beside them is the interval of the 20 values, by Yuen's (1974) standard error,
#   which `scipy.stats.ttest_ind(trim=...)` takes.
# Instead: the standard error (`mstats.trimmed_stde`) divides by the root of the length of the
#   array, masked values included: with half of them missing the interval is narrower by the root of
#   2. `mstats.sem` is right. Without missing values it is s / ((1 - 2g) sqrt(n)), s the winsorized
#   deviation and g the share cut off: below Yuen's by 2 % for 20 values and 9 % for 5.
# Seen on 2026-11-29:
#   scipy 1.17.1
#   20 % trimmed mean of 5 values, the first interval, and how many of 2000 cover:
#     by Yuen: [-0.451  0.517], 93.2%
#     scipy: [-0.409  0.474], 92.0%
#     scipy, as many masked: [-0.212  0.277], 81.9%
#   20 % trimmed mean of 20 values, the first interval, and how many of 2000 cover:
#     by Yuen: [-0.979  0.314], 93.5%
#     scipy: [-0.968  0.303], 93.1%
#     scipy, as many masked: [-0.749  0.084], 81.2%
#   mstats.sem without and with masked values: 0.24817108416076844 0.24817108416076844
# Why it matters: results with failed runs masked out are the ordinary case, and the more of them
#   failed the surer the others look. Few seeds are the ordinary case, too.
# Remedy: give the function `values.compressed()`; for few values take Yuen's standard error.
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
from scipy import stats
from scipy.stats import mstats

RUNS = 2_000
rng = np.random.default_rng(0)


def with_missing(values):
    return np.ma.masked_invalid(np.concatenate([values, np.full_like(values, np.nan)]))


def by_yuen(values, share=0.2):
    cut = int(share * values.size)
    inner = np.sort(values)[cut : values.size - cut]
    squares = np.clip(values, inner[0], inner[-1]).var(ddof=1) * (values.size - 1)
    error = np.sqrt(squares / (inner.size * (inner.size - 1)))
    half = stats.t.ppf(0.975, inner.size - 1) * error
    return inner.mean() + half * np.array([-1, 1])


print("scipy", scipy.__version__)
covered = {}
for measured in (5, 20):
    samples = rng.normal(size=(RUNS, measured))
    print(f"20 % trimmed mean of {measured} values, the first interval, and how many of {RUNS} cover:")
    for name, interval in (
        ("by Yuen", by_yuen),
        ("scipy", mstats.trimmed_mean_ci),
        ("scipy, as many masked", lambda values: mstats.trimmed_mean_ci(with_missing(values))),
    ):
        bounds = np.array([interval(values) for values in samples])
        covered[name] = np.mean((bounds[:, 0] <= 0) & (bounds[:, 1] >= 0))
        print(f"  {name}: {bounds[0].round(3)}, {covered[name]:.1%}")
print("mstats.sem without and with masked values:", mstats.sem(samples[0]), end=" ")
print(mstats.sem(with_missing(samples[0])))
if covered["scipy, as many masked"] > 0.9:
    sys.exit("no longer so")
PYTHON
