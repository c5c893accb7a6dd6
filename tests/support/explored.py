"""The page of a report with trials whose numbers are known."""

import numpy as np

from jaxdl.report import explorer, page
from jaxdl.sweep.plans import Plan
from jaxdl.sweep.results import Results
from jaxdl.sweep.space import Trial

EVIL = "<img src=x onerror=alert(1)>"
OPTIMIZERS, RATES, SEEDS = ("sgd", "adam", EVIL), (0.001, 0.01, 0.1, 1.0), (0, 1, 2)


def made_rows():
    """36 trials; adam at the highest rate has diverged."""
    rows = []
    for name in OPTIMIZERS:
        for rate in RATES:
            for seed in SEEDS:
                number, lost = len(rows), name == "adam" and rate == 1.0
                rows.append({
                    "trial": f"t{number}", "program": name, "optimizer": name,
                    "learning_rate": rate, "seed": seed,
                    "status": "diverged" if lost else "ok",
                    "message": "loss not finite from step 20 on" if lost else None,
                    "validation_accuracy": None if lost else 0.5 + number / 100,
                    "test_loss": None if lost else 1.5 - (7 * number % 36) / 36,
                })  # fmt: skip
    return rows


def write_page(folder, rows, steps=40):
    """The report of these trials, with a picture for paper; returns its path."""
    loss = np.exp(-np.arange(steps)[None] / 20) + np.arange(len(rows))[:, None] / 100
    lost = [row["status"] == "diverged" for row in rows]
    loss[np.array(lost), steps // 2 :] = np.nan
    names = np.array([row["trial"] for row in rows])
    np.savez(folder / "curves.npz", trial=names, loss=loss.astype(np.float32))
    trials = [Trial(r["program"], {"learning_rate": r["learning_rate"]}, r["seed"]) for r in rows]
    plan = Plan({}, trials, {}, labels={n: {"optimizer": n} for n in OPTIMIZERS})
    found = explorer.trials(plan, [Results(rows, folder)])
    section = page.Section("Explore the trials", (found,))
    return page.write(page.Report("A sweep", "What it found.", (section,)), folder)
