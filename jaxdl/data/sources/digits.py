"""E. Alpaydin, C. Kaynak, Optical recognition of handwritten digits, UCI 1998 (10.24432/C50P49).

scikit-learn ships its 1,797 test images; this TFDS builder needs neither network nor TensorFlow.
"""

from collections.abc import Iterator

import numpy as np
import tensorflow_datasets as tfds


def split_indices(labels: np.ndarray) -> dict[str, np.ndarray]:
    """Rows of the three splits of the 1,797 `labels`: 1077, 360 and 360, stratified and fixed."""
    from sklearn.model_selection import train_test_split

    def divide(rows: np.ndarray, size: int) -> list[np.ndarray]:
        return train_test_split(rows, train_size=size, stratify=labels[rows], random_state=0)

    train, rest = divide(np.arange(len(labels)), 1077)
    validation, test = divide(rest, 360)
    return {"train": train, "validation": validation, "test": test}


class Digits(tfds.core.GeneratorBasedBuilder):
    """8×8 digits: image uint8 [8, 8, 1] in 0..16, label in 0..9."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self) -> tfds.core.DatasetInfo:
        return tfds.core.DatasetInfo(
            builder=self,
            description="1,797 handwritten digits of 8×8 pixels with 17 grey levels.",
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Tensor(shape=(8, 8, 1), dtype=np.uint8),
                    "label": tfds.features.ClassLabel(num_classes=10),
                }
            ),
            supervised_keys=("image", "label"),
            homepage="https://doi.org/10.24432/C50P49",
            disable_shuffling=True,  # the splits are in random order already
        )

    def _split_generators(self, dl_manager: "tfds.download.DownloadManager") -> dict[str, Iterator]:
        from sklearn.datasets import load_digits

        digits = load_digits()
        images = digits.images.astype(np.uint8)[..., np.newaxis]
        return {
            split: self._generate_examples(images[rows], digits.target[rows])
            for split, rows in split_indices(digits.target).items()
        }

    def _generate_examples(self, images: np.ndarray, labels: np.ndarray) -> Iterator:
        for row, (image, label) in enumerate(zip(images, labels, strict=True)):
            yield row, {"image": image, "label": int(label)}
