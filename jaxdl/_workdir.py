"""What lies in the workdir of a run, by name."""

CONFIG, ENVIRONMENT, VERDICT = "config.json", "environment.json", "verdict.json"
REPORT = "report.html"
LOCK_OF_SWEEP = ".sweep.lock"
LOCK_FILES = ".lock", LOCK_OF_SWEEP
"""Files that a process holds while it works in a workdir."""
LEDGER = "trials.jsonl"
CONDITIONS = "conditions.json"
CLOCK = "clock.jsonl"
CURVES = "curves.npz"
CURVES_OF_CHUNKS = "curves"
STATES = "states"
CHECKPOINTS = "checkpoints"
CHUNKS = "chunks"
RUNGS = "rungs"
METRICS = "metrics.jsonl"
"""Of training on a stream."""
COLUMNS = frozenset({
    "trial", "program", "seed", "status", "steps", "diverged_at", "message", "lanes", "code",
    "fingerprint",
})  # fmt: skip
"""Columns of a ledger's row beside labels, hyperparameters and metrics."""
