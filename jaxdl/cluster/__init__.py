"""A sweep over processes, hosts and clusters, where workers come and go.

One *driver* holds the workdir. It cuts the trials that have no row into *parts*, each of trials of
one program, and describes each as data in a folder of its own, `chunks/NAME/`. A *worker* is a
process that makes the plan anew (from the experiment's module and the run's `config.json`, or from
`module:function`; nothing is pickled), reads names of parts on its standard input, runs each by
`sweep.execute` in the part's folder, and answers. The driver then moves what was found into the
ledger, as does any later `execute` in this workdir.

A *launcher* is what brings names to workers: `Processes` here, `Submitit` by jobs of Slurm,
`Elastic` by a Dask cluster, `Job` to the processes of a `jax.distributed` job. Whoever dies:

- a worker: its part is given to another one, which goes on from the state that was saved last;
- the driver: its workers save and end. The same command finds what they wrote, and goes on. Where
  a job of it still runs, the part's lock makes the others wait for it, and find it done;
- a part that kills its workers again and again ends the sweep by `Lost`; the others stand.

A trial gets one row, however often it was begun; lanes follow from the plan and from the devices of
a worker, not from who runs what, so that rows are those of one worker, bit for bit, wherever their
fingerprints are.
"""

from jaxdl._worker import Command
from jaxdl.cluster.driver import execute
from jaxdl.cluster.elastic import Elastic
from jaxdl.cluster.job import Job, joined
from jaxdl.cluster.jobs import Submitit
from jaxdl.cluster.processes import Processes
from jaxdl.cluster.workers import Launcher, Lost, Unavailable, command, serve

__all__ = [
    "Command",
    "Elastic",
    "Job",
    "Launcher",
    "Lost",
    "Processes",
    "Submitit",
    "Unavailable",
    "command",
    "execute",
    "joined",
    "serve",
]
