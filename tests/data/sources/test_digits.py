import importlib.util
import zlib

import numpy as np
import pytest
from sklearn.datasets import load_digits

from jaxdl.data import catalog, records

SIZES = {"train": 1077, "validation": 360, "test": 360}


@pytest.fixture(scope="module")
def digits(digits_dir):
    return catalog.load("digits", digits_dir)


@pytest.fixture(scope="module")
def rows():
    from jaxdl.data.sources.digits import split_indices

    return split_indices(load_digits().target)


def test_first_use_prepares_array_records_without_tensorflow(digits_dir):
    assert importlib.util.find_spec("tensorflow") is None
    files = sorted(path.name for path in (digits_dir / "digits" / "1.0.0").iterdir())
    assert files == [
        "dataset_info.json",
        *(f"digits-{split}.array_record-00000-of-00001" for split in sorted(SIZES)),
        "features.json",
    ]


def test_first_use_writes_nothing_on_the_terminal(first_use):
    _, process = first_use
    assert (process.returncode, process.stdout, process.stderr) == (0, "", "")


@pytest.mark.parametrize("split", SIZES)
def test_equals_the_arrays_of_sklearn(digits, rows, split):
    reference = load_digits()
    arrays = getattr(digits, split)
    assert arrays["x"].shape == (SIZES[split], 8, 8, 1)
    assert (arrays["x"].dtype, arrays["y"].dtype) == (np.uint8, np.int32)
    np.testing.assert_array_equal(arrays["x"][..., 0], reference.images[rows[split]])
    np.testing.assert_array_equal(arrays["y"], reference.target[rows[split]])


def test_splits_are_disjoint_and_cover_everything(rows):
    np.testing.assert_array_equal(np.sort(np.concatenate(list(rows.values()))), np.arange(1797))


def test_splits_are_stratified(rows):
    labels = load_digits().target
    for split, size in SIZES.items():
        expected = np.bincount(labels) * size / 1797
        assert np.abs(np.bincount(labels[rows[split]]) - expected).max() <= 1


def test_splits_never_change(rows):
    digest = zlib.crc32(np.concatenate(list(rows.values())).astype("<i4").tobytes())
    assert digest == 1841096838, (
        "the digits are divided otherwise than before, so results cannot be compared: restore the "
        "old division, or raise Digits.VERSION and put the new digest here"
    )


def test_the_loser_of_a_race_reads_what_the_winner_wrote(tmp_path):
    from jaxdl.data.sources.digits import Digits

    class Overtaken(Digits, skip_registration=True):
        name = "digits"

        def _generate_examples(self, images, labels):
            if not list(tmp_path.glob("digits/1.0.0")):
                records.prepare(Digits(data_dir=tmp_path))
            yield from super()._generate_examples(images, labels)

    records.prepare(Overtaken(data_dir=tmp_path))
    assert [path.name for path in (tmp_path / "digits").iterdir()] == ["1.0.0"]
    assert len(catalog.load("digits", tmp_path).train["y"]) == 1077
