"""Writes pages/gallery.md: a picture of each chosen experiment, what it found, its command.

`python docs/make_gallery.py [WORKDIR ...]` takes pictures from finished runs, by default those of
`run_verdicts.py` at any commit; of the others the picture stays that was taken before. What is said
is from `verdicts/`. An experiment without a picture or without a kept verdict is left out.
"""

import importlib
import io
import json
import math
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from jaxdl.report import Claim, Judged, verdicts
from jaxdl.report.claims import SHOWN
from jaxdl.report.markdown import escaped

ROOT = Path(__file__).parents[1]
PAGE, PICTURES = ROOT / "docs/pages/gallery.md", ROOT / "docs/pages/gallery"
VERDICTS = ROOT / "docs/verdicts"
CHOSEN = {
    "Optimizers": {
        "optimizers_x_initializers": "heat_map",
        "ravine": "paths_in_the_ravine",
        "second_order": "",
        "saddles": "",
        "lbfgs": "",
        "learning_rates": "",
        "schedules": "",
        "batch_sizes": "",
    },
    "Depth and signals": {
        "exploding_gradients": "",
        "signal_propagation": "",
        "initializer_depth": "",
        "gradient_lag": "",
        "residual_depth": "",
        "recomputation": "",
        "norms_and_batch_size": "",
    },
    "Losses and data": {
        "surrogate_losses": "",
        "votes": "",
        "shuffling": "",
        "smoothing": "",
        "probability_loss": "",
        "minima": "",
        "penalties": "",
        "ensembles": "",
    },
    "Images": {
        "digits_cnn": "",
        "equivariance": "",
        "adversarial_robustness": "",
        "attention_pooling": "looks",
        "deblurring": "",
        "image_to_image": "without_pairs",
        "autoencoders": "",
        "gan_ring": "",
        "gan_digits": "",
    },
    "Sequences and text": {
        "counting": "",
        "dyck": "",
        "forecasting": "",
        "positions": "",
        "attention_scores": "",
        "word_order": "",
        "pronunciation": "",
        "captions": "",
    },
}  # fmt: skip
"""Of each experiment the name of its picture, or nothing for the first of its report."""
WIDTH, COLOURS, LARGEST = 760, 64, 40_000
"""Pixels, colours of the palette, and bytes of a picture."""
HEAD = """# Gallery

What some of the experiments drew and found. Each picture is from a full run; below it stands the
first of the experiment's claims with its verdict, and the command that runs it anew. Thresholds are
set before the run, and numbers in brackets are 95 % intervals. All claims, with those that fail,
are in [the ledger of claims](claims.md).
"""


def main(workdirs: Sequence[str]) -> int:
    """Exit code 0, or 2 where a folder holds no finished run."""
    found = [Path(name) for name in workdirs] or _finished()
    wrong = [str(path) for path in found if not (path / "verdict.json").is_file()]
    if wrong:
        print(f"no finished run in {', '.join(wrong)}", file=sys.stderr)
        return 2
    chosen = {name: stem for group in CHOSEN.values() for name, stem in group.items()}
    PICTURES.mkdir(exist_ok=True)
    for workdir in found:
        name = json.loads((workdir / "environment.json").read_text())["experiment"]
        if name in chosen:
            (PICTURES / f"{name}.png").write_bytes(small(picture(workdir, chosen[name])))
    PAGE.write_text(page())
    return 0


def _finished() -> list[Path]:
    """What `run_verdicts.py` has left, the latest last."""
    kept = (ROOT / "runs/verdicts").glob("*/*/verdict.json")
    return [path.parent for path in sorted(kept, key=lambda path: path.stat().st_mtime)]


def picture(workdir: Path, stem: str) -> bytes:
    """A PNG of a run: the one of that name, or the first of its report."""
    shown = re.findall(r"^!\[.*\]\((\S+)\.png\)$", (workdir / "report.md").read_text(), re.M)
    return (workdir / f"{stem or shown[0]}.png").read_bytes()


def small(png: bytes) -> bytes:
    """The picture on white, no wider than a column, with so few colours that it is small."""
    image = Image.open(io.BytesIO(png)).convert("RGB")
    for width in (WIDTH, WIDTH * 3 // 4, WIDTH // 2):
        height = round(image.height * min(1, width / image.width))
        shrunk = image.resize((min(image.width, width), height), Image.Resampling.LANCZOS)
        stream = io.BytesIO()
        shrunk.quantize(COLOURS, dither=Image.Dither.NONE).save(stream, "PNG", optimize=True)
        if len(stream.getvalue()) <= LARGEST:
            break
    return stream.getvalue()


def page() -> str:
    """The text of gallery.md."""
    return "\n".join([HEAD, *_groups()])


def _groups() -> Iterator[str]:
    for heading, names in CHOSEN.items():
        there = [name for name in names if _is_there(name)]
        if there:
            yield f"## {heading}\n"
        for name in there:
            yield from _entry(name)


def _is_there(name: str) -> bool:
    return (PICTURES / f"{name}.png").is_file() and (VERDICTS / f"{name}.json").is_file()


def _entry(name: str) -> Iterator[str]:
    (first, *_) = verdicts.families(recalled(name))
    found = verdicts.told(first)
    title = name.replace("_", " ").capitalize()
    yield f"### {title}\n"
    yield f"![{title}](gallery/{name}.png)\n"
    yield f"**{first.verdict.capitalize()}**: {escaped(found)}.\n"
    yield f"```bash\npython -m experiments.{name} --workdir=runs/{name}\n```\n"


def recalled(name: str) -> list[Judged]:
    """The kept claims of an experiment, with what the file does not have of them."""
    declared: Sequence[Claim] = importlib.import_module(f"experiments.{name}").CLAIMS
    kept = json.loads((VERDICTS / f"{name}.json").read_text())["claims"]
    found = ((claim, row) for row in kept for claim in declared)
    return [_judged(claim, row) for claim, row in found if _is_of(claim, row["claim"])]


def _is_of(claim: Claim, text: str) -> bool:
    return text == claim.text or text.startswith(f"{claim.text} (")


def _judged(claim: Claim, row: dict[str, Any]) -> Judged:
    measured = math.nan if row["measured"] is None else row["measured"]
    low, high = (math.nan if limit is None else limit for limit in row["interval"])
    return Judged(**row | {"measured": measured, "interval": (low, high)})._replace(
        shown=claim.unit if claim.unit in SHOWN else "",
        direction=claim.direction,
        where=row["claim"].removeprefix(claim.text)[2:-1],
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
