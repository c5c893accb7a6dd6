"""The goldens against the libraries that made them, live (`make parity`)."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

GOLDENS = Path(__file__).parents[1] / "goldens"
SCRIPTS = sorted(GOLDENS.glob("make_*.py"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_a_golden_is_what_its_script_makes_today(script, tmp_path):
    subprocess.run([sys.executable, str(script), str(tmp_path)], check=True)
    name = script.stem.removeprefix("make_") + ".npz"
    with np.load(tmp_path / name) as fresh, np.load(GOLDENS / name) as kept:
        assert set(fresh.files) == set(kept.files)
        for key in kept.files:
            # Processors add the products of float32 in orders of their own.
            narrow = kept[key].dtype == np.float32
            atol = 5e-6 * np.abs(kept[key]).max(initial=0) if narrow else 1e-12
            np.testing.assert_allclose(fresh[key], kept[key], rtol=1e-6, atol=atol, err_msg=key)
