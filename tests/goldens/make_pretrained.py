"""Folders of `transformers` at random weights and what the models in them give, `pretrained.npz`.

Run from the repository root with the `parity` extra: `python tests/goldens/make_pretrained.py`.
Of each model there are NAME/config.json as bytes, its arrays as NAME/weights/..., and outputs of
`ids`, with `mask` and `segments` for BERT.
"""

import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
import transformers
from safetensors.numpy import load_file

WIDTH, VOCABULARY, LENGTH = 16, 23, 9
BERT = transformers.BertConfig(
    vocab_size=VOCABULARY, hidden_size=WIDTH, num_hidden_layers=2, num_attention_heads=4,
    intermediate_size=24, max_position_embeddings=LENGTH,
)  # fmt: skip
GPT2 = transformers.GPT2Config(
    vocab_size=VOCABULARY, n_embd=WIDTH, n_layer=2, n_head=4, n_positions=LENGTH,
    bos_token_id=0, eos_token_id=0,
)  # fmt: skip


def drawn(model: torch.nn.Module, seed: int) -> torch.nn.Module:
    """The model with all parameters drawn, those too that start as ones or zeros."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.3)
    return model.eval()


def kept(name: str, model: torch.nn.Module) -> dict[str, np.ndarray]:
    """The files that the model is saved as."""
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        config = json.loads((Path(folder) / "config.json").read_text())
        arrays = load_file(Path(folder) / "model.safetensors")
    del config["transformers_version"]
    text = json.dumps(config, sort_keys=True).encode()
    weights = {f"{name}/weights/{key}": array for key, array in arrays.items()}
    return {f"{name}/config.json": np.frombuffer(text, np.uint8), **weights}


def main(folder: Path) -> None:
    rng = np.random.default_rng(0)
    ids = rng.integers(VOCABULARY, size=(3, LENGTH))
    mask = (np.arange(LENGTH) < np.array([[LENGTH], [5], [2]])).astype(np.int64)
    segments = (np.arange(LENGTH) >= np.array([[4], [2], [1]])).astype(np.int64)
    arrays = {"ids": ids, "mask": mask, "segments": segments}
    inputs = [torch.from_numpy(array) for array in (ids, mask, segments)]
    with torch.no_grad():
        body = drawn(transformers.BertModel(BERT), 1)
        outputs = body(*inputs)
        arrays |= kept("bert", body)
        arrays |= {"bert/states": outputs[0].numpy(), "bert/pooled": outputs[1].numpy()}
        both = drawn(transformers.BertForPreTraining(BERT), 2)
        tokens, pair = both(*inputs)[:2]
        arrays |= kept("pretraining", both)
        arrays |= {"pretraining/tokens": tokens.numpy(), "pretraining/pair": pair.numpy()}
        guessing = drawn(transformers.BertForMaskedLM(BERT), 3)
        arrays |= kept("guessing", guessing)
        arrays["guessing/tokens"] = guessing(*inputs)[0].numpy()
        language = drawn(transformers.GPT2LMHeadModel(GPT2), 4)
        arrays |= kept("gpt2", language)
        arrays["gpt2/logits"] = language(inputs[0])[0].numpy()
    np.savez_compressed(folder / "pretrained.npz", **arrays)


if __name__ == "__main__":
    main(Path(*sys.argv[1:2]) if sys.argv[1:] else Path(__file__).parent)
