"""Run workloads, print one table, and append a JSON line a row to benchmarks/results/."""

from __future__ import annotations

import argparse
import datetime as dt
import json
from dataclasses import asdict
from importlib import import_module
from pathlib import Path

from benchmarks.harness import ROOT, Row, machine

QUICK = {  # points of each workload
    "w1": 1_000_000,
    "w2": 1_000_000,
    "w2q": 1_000_000,
    "w3": 100_000,
    "w4": 0,
    "w5": 0,
    "w6": 0,
    "w7": 0,
    "w8": 1_000_000,
    "w9": 1_000_000,
    "w10": 1_000_000,
}
LONG = {"w5k": 20, "w5m": 0, "w10l": 100_000_000}  # minutes each: by name, or with --all
MODULES = {"w5k": "w5_krylov", "w5m": "w5_mps", "w10l": "w10_large"}  # where the file has a longer name
RESULTS = ROOT / "benchmarks" / "results"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    help_ = f"workloads, of {', '.join(QUICK | LONG)}; by default all but {', '.join(LONG)}"
    parser.add_argument("names", nargs="*", help=help_)
    parser.add_argument("--all", action="store_true", help="all workloads, with larger batches")
    parser.add_argument("--dry", action="store_true", help="write no results")
    options = parser.parse_args(arguments)
    unknown = [name for name in options.names if name not in QUICK | LONG]
    if unknown:
        parser.error(f"there is no workload {unknown[0]!r}; there are {', '.join(QUICK | LONG)}")
    print(f"{machine()}; CPU time of one core, medians; peers on the first points of the same parameters.")
    print("limit: how many times the least that this machine could take (benchmarks/limits.py); last: times qet\n")
    head = f"{'workload':<26}{'contender':<38}{'median':>14}{'a second':>12}{'target':>12}{'limit':>10}"
    print(f"{head}{'points':>9}{'deviation':>11}")
    known = QUICK | LONG
    for name in options.names or (known if options.all else QUICK):
        workload = import_module(f"benchmarks.{MODULES.get(name, name)}")
        points = max(known[name], getattr(workload, "POINTS", 0)) if options.all else known[name]
        rows = workload.run(points)
        for row in rows:
            print(_line(row, rows), flush=True)
        if not options.dry:
            _append(RESULTS / f"{name}.jsonl", rows)
    return 0


def _line(row: Row, rows: list[Row]) -> str:
    rate = f"{1e9 / row.median:,.0f}" if row.unit == "ns/point" else ""
    target = "" if row.target is None else f"{row.target:,.4g} {row.unit[:2].strip()}"
    deviation = "" if row.deviation is None else f"{row.deviation:.1e}"
    own = [other.median for other in rows if other.workload == row.workload and other.contender == "qet"]
    ratio = f"  x{row.median / own[0]:,.3g}" if own and row.contender != "qet" else ""
    median = f"{row.median:,.4g} {row.unit.split('/')[0]}"
    limit = "" if row.limit is None else f"x{row.median / row.limit:,.3g}"  # times the limit
    left = f"{row.workload:<26}{row.contender:<38}{median:>14}{rate:>12}{target:>12}{limit:>10}"
    return f"{left}{row.points:>9}{deviation:>11}{ratio}"


def _append(path: Path, rows: list[Row]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    when = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    with path.open("a", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps({"when": when, "machine": machine(), **asdict(row)}) + "\n")
