"""Text from GPT-2's architecture by `transformers`: greedy, with its cache."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from transformers import GPT2Config, GPT2LMHeadModel


def write(folder: Path, vocabulary: int, width: int, depth: int, heads: int, length: int) -> None:
    """A folder of a model with random weights, larger than at first so that texts vary."""
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=vocabulary,
        n_positions=length,
        n_embd=width,
        n_layer=depth,
        n_head=heads,
        initializer_range=0.1,
        bos_token_id=None,
        eos_token_id=None,
    )
    GPT2LMHeadModel(config).save_pretrained(folder)


def generate(
    folder: Path, prompts: np.ndarray, tokens: int
) -> tuple[np.ndarray, Callable[[int], float]]:
    """The tokens `[B, tokens]` behind prompts `[B, N]`, and what measures seconds by threads."""
    model = GPT2LMHeadModel.from_pretrained(folder).eval()
    ids = torch.from_numpy(prompts).long()

    def run() -> torch.Tensor:
        with torch.inference_mode():
            return model.generate(
                ids,
                attention_mask=torch.ones_like(ids),
                max_new_tokens=tokens,
                do_sample=False,
                pad_token_id=0,
            )

    def measure(threads: int) -> float:
        torch.set_num_threads(threads)
        began = time.perf_counter()
        run()
        return time.perf_counter() - began

    return run()[:, prompts.shape[1] :].numpy(), measure
