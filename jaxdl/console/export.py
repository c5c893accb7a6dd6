"""`jaxdl export`: the chosen model of a run as a file that JAX alone reads."""

from pathlib import Path

from jaxdl import launch, report


def run(workdir: Path, to: Path) -> int:
    """Writes the file and prints what it says of itself. Raises UserError."""
    about = launch.export(workdir, to)
    of = about.pop("of")
    about = {"model": f"{of['model']} for {of['task']}", **about}
    report.show(report.from_mapping(about))
    print(f"{to}: {to.stat().st_size:,} bytes, read by jax.export.deserialize")
    return 0
