"""A tracker that keeps what it is told in a file for each run, written anew by whoever opens it."""

import json


def lines(folder):
    """Into `ID.jsonl`: the identity, a line for each row, the status."""

    def begin(identity):
        folder.mkdir(exist_ok=True)
        return _Record((folder / f"{identity.id}.jsonl").open("w", buffering=1), identity)

    return begin


class _Record:
    def __init__(self, file, identity):
        self.file = file
        self.add(identity._asdict())

    def add(self, value):
        self.file.write(json.dumps(value) + "\n")

    def write(self, rows):
        for step, values in rows:
            self.add({"step": step, **values})

    def end(self, status):
        self.add({"status": status})
        self.file.close()


def read(folder):
    """`{id: (identity, rows, status)}`; of a run that was not ended the status is missing."""
    found = {}
    for path in sorted(folder.glob("*.jsonl")):
        identity, *rest = [json.loads(line) for line in path.read_text().splitlines()]
        rows = [line for line in rest if "step" in line]
        (status,) = [line["status"] for line in rest if "status" in line] or ["missing"]
        found[path.stem] = identity, rows, status
    return found
