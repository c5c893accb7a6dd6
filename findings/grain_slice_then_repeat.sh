#!/usr/bin/env bash
# grain 0.2.18: a slice of a shuffled dataset holds other rows in every pass.
#
# Expected: `rows.seed(42).shuffle()[:80].repeat(3)` reads the same 80 rows three times, in a new
#   order each time, so that the other 20 can be held out.
# Instead: `repeat` lets the index run on. The shuffle, which stands before the slice, is drawn anew
#   for each pass, and the slice takes the first 80 rows of another order. The same holds for a
#   slice of `mix`, where nothing is random: its parents are read on from where the first pass
#   ended.
# Seen on 2026-11-29:
#   grain 0.2.18
#   shuffled, sliced: rows of passes 1, 2, 3 that are not among the first 80: [0, 12, 14]
#   mixed 3 : 7, sliced: rows of passes 1, 2, 3 that are not among the first 80: [0, 25, 16]
#   shuffled, sliced, reseed_each_epoch=False: [0, 0, 0]
# Why it matters: the rows held out for validation are trained on from the second epoch on, and a
#   validation accuracy is that of training rows. Nothing says so.
# Remedy: choose the rows first (a list of indices, or `source[:80]`) and shuffle after that.
#   `repeat(reseed_each_epoch=False)` keeps the rows, but their order and all augmentation too.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install --quiet --disable-pip-version-check absl-py==2.5.1 grain==0.2.18
venv/bin/python - <<'PYTHON'
import importlib.metadata
import sys

import grain

PASSES, KEPT = 3, 80


def strangers(repeated, kept):
    rows = [repeated[index] for index in range(PASSES * KEPT)]
    return [len(set(rows[KEPT * n : KEPT * (n + 1)]) - set(kept)) for n in range(PASSES)]


source = grain.MapDataset.source
shuffled = source(range(100)).seed(42).shuffle()[:KEPT]
mixed = grain.MapDataset.mix([source(range(100)), source(range(100, 200))], weights=[0.3, 0.7])
mixed = mixed[:KEPT]
of_shuffled = strangers(shuffled.repeat(PASSES), shuffled)
of_mixed = strangers(mixed.repeat(PASSES), mixed)
kept = strangers(shuffled.repeat(PASSES, reseed_each_epoch=False), shuffled)

says = "rows of passes 1, 2, 3 that are not among the first 80:"
print("grain", importlib.metadata.version("grain"))
print("shuffled, sliced:", says, of_shuffled)
print("mixed 3 : 7, sliced:", says, of_mixed)
print("shuffled, sliced, reseed_each_epoch=False:", kept)
if not (sum(of_shuffled) and sum(of_mixed)):
    sys.exit("no longer so")
PYTHON
