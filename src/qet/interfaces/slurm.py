"""The script of a SLURM job array that computes a study in parts.

Every part is `qet run study.toml --shard i/n`: parts share the store and nothing else, so they may run anywhere, in any
order, more than once. Threads of the linear algebra are pinned to one; a chunk is small matrices, many of them.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import PurePath

from qet.foundations.errors import BadParameter

TIME = re.compile(r"\d+|\d+:\d\d|\d+:\d\d:\d\d|\d+-\d+(:\d\d){0,2}")
MEMORY = re.compile(r"\d+[KMGT]?")
NAME = re.compile(r"[\w.,+-]+")
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


@dataclass(frozen=True)
class Job:
    """What a job array asks for.

    Attributes:
        study: Path of the study file, as the job finds it.
        out: The store.
        shards: Number of parts.
        time: Limit of a part, as SLURM spells it, "1:00:00".
        memory: Of a part, "2G".
        cpus: Processors of a part.
        partition: Where it runs; empty for the cluster's own choice.
        account: Who pays; empty likewise.
    """

    study: str
    out: str
    shards: int
    time: str = "1:00:00"
    memory: str = "2G"
    cpus: int = 1
    partition: str = ""
    account: str = ""

    def check(self, chunks: int) -> None:
        """Refuse what SLURM would refuse, and parts without work.

        Raises:
            BadParameter: with what to give.
        """
        if not TIME.fullmatch(self.time):
            raise BadParameter(f"--time is minutes, h:mm:ss or days-hours, such as 1:00:00; got {self.time!r}.")
        if not MEMORY.fullmatch(self.memory):
            raise BadParameter(f"--memory is a number with K, M, G or T, such as 2G; got {self.memory!r}.")
        for option, name in (("--partition", self.partition), ("--account", self.account)):
            if name and not NAME.fullmatch(name):
                raise BadParameter(f"{option} is a name; got {name!r}.")
        if self.shards < 1 or self.cpus < 1:
            raise BadParameter("--shards and --cpus are whole numbers from 1 on.")
        if self.shards > chunks:
            raise BadParameter(
                f"the study has {chunks} chunks; of {self.shards} parts {self.shards - chunks} would have no work: "
                f"ask for --shards {chunks} at most, or make the chunks smaller, chunks = 10000 in [study]."
            )

    def script(self) -> str:
        """The script."""
        study, out = shlex.quote(self.study), shlex.quote(self.out)
        asked = {
            "job-name": PurePath(self.study).stem,
            "array": f"1-{self.shards}",
            "time": self.time,
            "mem": self.memory,
            "ntasks": "1",
            "cpus-per-task": str(self.cpus),
            "partition": self.partition,
            "account": self.account,
            "output": f"{PurePath(self.study).stem}-%A_%a.log",
        }
        wanted = [f"#SBATCH --{name}={value}" for name, value in asked.items() if value]
        engine = "serial" if self.cpus == 1 else f"processes --workers {self.cpus}"
        return "\n".join(
            [
                "#!/bin/bash",
                f"# {PurePath(self.study).name} in {self.shards} parts, which write to one store. Made by",
                f"#   {self.command()}",
                *wanted,
                "#SBATCH --requeue",
                "#SBATCH --open-mode=append",
                "",
                "set -euo pipefail",
                f"export {' '.join(f'{name}=1' for name in THREADS)}",
                "",
                f'qet run {study} --out {out} --engine {engine} --shard "${{SLURM_ARRAY_TASK_ID}}/{self.shards}"',
                "",
                "# A part that was cut short goes on where it stopped when it is submitted again.",
                "# When all parts are done:",
                f"#   qet show {out}",
                f"#   qet pack {out} {shlex.quote(str(PurePath(self.out).with_suffix('.nc')))}",
                "",
            ]
        )

    def command(self) -> str:
        """The command that makes the script."""
        options = {"shards": str(self.shards), "time": self.time, "memory": self.memory, "store": self.out}
        options |= {"cpus": str(self.cpus)} if self.cpus > 1 else {}
        options |= {name: value for name, value in (("partition", self.partition), ("account", self.account)) if value}
        return f"qet slurm {shlex.quote(self.study)} " + " ".join(f"--{k} {shlex.quote(v)}" for k, v in options.items())
