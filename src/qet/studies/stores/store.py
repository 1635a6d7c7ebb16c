"""A study on disk while it runs: a zarr v3 folder, and a journal of the chunks that are finished.

A chunk counts as finished when its files are on the disk and a line of the journal says so, with their sizes and
checksums. A process may be killed at any moment: what it was writing is done again, and the store is the same to the
bit as one that ran through, the journal apart. Any number of processes may write chunks of one store at once.

Nothing in the arrays and attributes depends on the clock, the machine, the order or the engine. Who computed a chunk,
when it was refused and how long it took stands in the journal.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from qet.foundations.errors import NotAStore, NotWritten, OtherStudy
from qet.studies.stores import journal
from qet.studies.stores.chunk_files import ChunkFiles, checksum, checksum_of_file, fault_of, names_of
from qet.studies.stores.durable import (
    HOST,
    beside,
    clear_left_behind,
    reason_of,
    remove,
    shown,
    temporary,
    to_disk,
    write_whole,
)
from qet.studies.stores.header import condensed, difference_text, identity_of
from qet.studies.stores.template import FORMAT, JOURNAL, LABELS, WHY, Box, error_names, labels_read, write_template
from qet.studies.sweeps.chunks import Chunks, Filled, Refused, Region

if TYPE_CHECKING:
    import xarray as xr

Array = np.ndarray
log = logging.getLogger("qet.store")
SEAL = "template.json"  # sizes and checksums of everything that is written before the first chunk
TOLD = 100  # refusals of one chunk that the journal keeps in words; `why` marks all


class Store:
    """A study on disk.

    Attributes:
        path: The folder.
        attributes: Those of the dataset.
        header: What makes this study this one, condensed.
        chunks: How its points are cut.
        variables: Names of the results, `why` among them where errors are recorded.
        coordinates: Names of the parameters.
    """

    def __init__(self, path: Path, attributes: Mapping[str, Any]) -> None:
        own = json.loads(attributes["qet_store"])
        self.path = path
        self.attributes = {name: value for name, value in attributes.items() if name != "qet_store"}
        self.header: dict[str, Any] = json.loads(attributes["qet_study"])
        self.chunks = Chunks(tuple(own["shape"]), tuple(own["lengths"]))
        self._order = tuple(own["order"])
        self._files = {name: ChunkFiles(path, name) for name in own["variables"]}
        self._why = ChunkFiles(path, WHY) if own["why"] else None
        self.variables = (*self._files, *([WHY] if own["why"] else []))
        self.coordinates = tuple(own["coordinates"])

    # -- making and opening --------------------------------------------------------------------

    @classmethod
    def create(
        cls,
        path: str | os.PathLike[str],
        *,
        header: Mapping[str, Any],
        grid: Box,
        chunks: Chunks,
        first: Filled,
        attributes: Mapping[str, Any],
    ) -> Store:
        """A new store without results; `first` is not written, only its form.

        It is made under another name and renamed, so it is there whole or not at all. Where another process was
        faster with the same study, its store is opened.

        Args:
            path: The folder, usually "name.zarr".
            header: Plain data that decides the numbers; `header["errors"] == "record"` makes a variable `why`.
            grid: Dimensions and coordinates.
            chunks: How the points are cut.
            first: A chunk that has an answer somewhere.
            attributes: Of the dataset, text and numbers.

        Raises:
            OtherStudy: if another study is there. NotAStore: if something else is. NotWritten: for a full disk, a
                folder that is read-only or not there. BadParameter: for a name that cannot be stored.
        """
        target = Path(path)
        if target.exists() and not _is_empty_folder(target):
            return cls.open(target)._same(header)
        clear_left_behind(beside(target))
        with_why = header.get("errors") == "record"
        told = _attributes(header, grid, chunks, first, attributes, with_why=with_why)
        made = temporary(target)
        try:
            write_template(made, grid, chunks, first, told, with_why=with_why)
            _seal(made)
            os.rename(made, target)
            to_disk(target.parent)
        except OSError as error:
            remove(made)
            if (target / "zarr.json").exists():
                return cls.open(target)._same(header)
            raise NotWritten(
                f"the store {shown(target)} was not made: {reason_of(error)}. Nothing was lost."
            ) from error
        except BaseException:
            remove(made)
            raise
        return cls.open(target)

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Store:
        """A store that is there.

        Raises:
            NotAStore: for anything else, and for a store of a newer version.
        """
        folder = Path(path)
        attributes = _attributes_read(folder)
        try:
            store = cls(folder, attributes)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise NotAStore(f"the store {shown(folder)} is damaged: {error}.") from error
        return store

    def refuse_other(self, header: Mapping[str, Any]) -> None:
        """Refuse to go on with another study.

        Raises:
            OtherStudy: naming what differs, here being the study asked for and there the store.
        """
        difference = difference_text(condensed(header), self.header)
        if difference:
            raise OtherStudy(
                f"{shown(self.path)} holds another study: {difference}. Give another place, or remove it if it is not "
                "needed."
            )

    def _same(self, header: Mapping[str, Any]) -> Store:
        self.refuse_other(header)
        return self

    # -- writing -------------------------------------------------------------------------------

    def write(self, filled: Filled) -> None:
        """Write a chunk, bring it to the disk, and enter it in the journal. Writing one twice does no harm.

        Raises:
            NotWritten: for what the system refuses; chunks written before are kept.
            BadParameter: for other variables than the store's. ShapeMismatch: for other axes.
        """
        region = self._placed(self.chunks.region(filled.number))
        try:
            files = {}
            for name, file, content in self._contents(filled, region):
                write_whole(file, content)
                files[name] = [len(content), checksum(content)]
            journal.append(self.path / JOURNAL, _line(filled, files))
        except OSError as error:
            raise NotWritten(
                f"chunk {filled.number} of {shown(self.path)} was not written: {reason_of(error)}. The chunks before "
                "it are kept; run the same command again to go on."
            ) from error

    def _contents(self, filled: Filled, region: Region) -> Iterator[tuple[str, Path, bytes]]:
        """Variable, file and content for everything of a chunk."""
        names_of(filled.values, self._files)
        size = tuple(part.stop - part.start for part in region)
        for name, files in self._files.items():
            own = files.shape[len(region) :]
            part = (*region, *(slice(0, n) for n in own))
            if filled.values:
                given = files.fitting(np.asarray(filled.values[name]), filled.dims[name], len(region))
                values = given.transpose(*self._order, *range(len(region), given.ndim))
            else:
                values = np.full((*size, *own), np.nan, dtype=files.dtype)
            if values.size:
                yield name, files.path(part), files.encoded(part, values)
        if self._why is not None:
            yield WHY, self._why.path(region), self._why.encoded(region, self._codes(filled, region))

    def _codes(self, filled: Filled, region: Region) -> Array:
        """Number of the error at each point of a chunk, 0 where there is an answer."""
        numbers = {name: i for i, name in enumerate(error_names())}
        codes = np.zeros(tuple(part.stop - part.start for part in region), dtype="i2")
        for refused in filled.refused:
            place = tuple(refused.place[i] - part.start for i, part in zip(self._order, region, strict=True))
            codes[place] = numbers.get(refused.error, numbers["other"])
        return codes

    def _placed(self, region: Region) -> Region:
        """A region of the box of points, in the order of the dimensions."""
        return tuple(region[i] for i in self._order)

    # -- reading -------------------------------------------------------------------------------

    def done(self, *, thorough: bool = True) -> dict[int, dict[str, Any]]:
        """The finished chunks, number -> line of the journal, after a look at what is on the disk.

        A chunk whose files are gone, cut short or changed is not finished, and the log says so. What killed processes
        left behind is removed.

        Args:
            thorough: Whether the files are read and their checksums compared; otherwise only their sizes are.

        Raises:
            NotAStore: if the axes of the store are damaged.
        """
        self._clear()
        _check_seal(self.path)
        entered: dict[int, list[dict[str, Any]]] = {}
        for line in journal.lines(self.path / JOURNAL):
            if 0 <= line["chunk"] < len(self.chunks):
                entered.setdefault(line["chunk"], []).append(line)
        found = {}
        for number in sorted(entered):
            faults = []
            for line in reversed(entered[number]):
                fault = self._fault(line, thorough=thorough)
                if fault is None:
                    found[number] = line
                    break
                faults.append(fault)
            else:
                log.warning("%s: chunk %d is computed again: %s", shown(self.path), number, faults[0])
        return found

    def refusals(self) -> list[Refused]:
        """The points without an answer of all finished chunks, in order, at most 100 a chunk; `why` marks all."""
        lines = self.done(thorough=False)
        return [
            Refused(tuple(place), error, text)
            for number in sorted(lines)
            for place, error, text in lines[number].get("refused", [])
        ]

    def dataset(self) -> xr.Dataset:
        """The study as a Dataset whose arrays are read when they are asked for.

        Where chunks are missing, numbers are nan (whole numbers 0) and the attribute `unfinished` says how many. One
        that was damaged is refused when it is read.

        Raises:
            NotAStore: if the axes of the store are damaged.
        """
        import xarray as xr

        missing = len(self.chunks) - len(self.done(thorough=False))
        data = xr.open_zarr(str(self.path), consolidated=False, chunks=None, decode_cf=False)
        data = data.set_coords(self.coordinates)
        for name in [name for name in data.coords if LABELS in data[name].attrs]:
            known = data[name]
            said = {key: value for key, value in known.attrs.items() if key != LABELS}
            data = data.assign_coords({name: (known.dims, labels_read(known.values, known.attrs[LABELS]), said)})
        data = data[list(self.variables)]
        data.attrs = dict(self.attributes)
        if missing:
            data.attrs["unfinished"] = f"{missing} of {len(self.chunks)} chunks are missing"
        return data

    def regions(self, number: int) -> dict[str, tuple[Region, Path]]:
        """Where a chunk lies in each variable, in the order of its dimensions, and its file."""
        region = self._placed(self.chunks.region(number))
        found = {}
        for name, files in (self._files | ({WHY: self._why} if self._why else {})).items():
            part = (*region, *(slice(0, n) for n in files.shape[len(region) :]))
            found[name] = (part, files.path(part))
        return found

    def _fault(self, line: Mapping[str, Any], *, thorough: bool) -> str | None:
        for name, (part, file) in self.regions(line["chunk"]).items():
            if any(piece.stop == piece.start for piece in part):
                continue  # of no length: no file
            try:
                size, crc = line["files"][name]
            except (KeyError, TypeError, ValueError):
                return f"the journal says nothing of {name}"
            fault = fault_of(file, size, crc if thorough else None)
            if fault is not None:
                return fault
        return None

    def _clear(self) -> None:
        folders = [self.path, *(self.path / name for name in self.variables)]
        clear_left_behind(beside(self.path))
        for folder in folders:
            for path in clear_left_behind(folder.glob("*.tmp-*")):
                log.info("%s: removed %s, which a killed process left behind", shown(self.path), path.name)


def _attributes(
    header: Mapping[str, Any],
    grid: Box,
    chunks: Chunks,
    first: Filled,
    attributes: Mapping[str, Any],
    *,
    with_why: bool,
) -> dict[str, Any]:
    short = condensed(header)
    own = {
        "format": FORMAT,
        "shape": list(chunks.shape),
        "lengths": list(chunks.lengths),
        "order": list(grid.order),
        "variables": list(first.values),
        "coordinates": [*grid.coordinates, *grid.scalars],
        "why": with_why,
    }
    study = {"qet_study": json.dumps(short), "qet_study_sha": identity_of(short)}
    return {**attributes, **study, "qet_store": json.dumps(own)}


def _line(filled: Filled, files: Mapping[str, Any]) -> dict[str, Any]:
    from qet import __version__

    line = {"chunk": int(filled.number), "files": files, "seconds": round(filled.seconds, 6), "host": HOST}
    line |= {"qet": __version__, "numpy": np.__version__}
    if filled.refused:
        told = [[list(map(int, r.place)), r.error, r.text] for r in filled.refused[:TOLD]]
        line |= {"refused_count": len(filled.refused), "refused": told}
    return line


def _seal(folder: Path) -> None:
    """Bring a template to the disk and note what is in it."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    known = {path.relative_to(folder).as_posix(): [path.stat().st_size, checksum_of_file(path)] for path in files}
    (folder / JOURNAL / SEAL).write_text(json.dumps(known))
    for path in [*files, folder / JOURNAL / SEAL, *(path for path in folder.rglob("*") if path.is_dir()), folder]:
        to_disk(path)


def _check_seal(folder: Path) -> None:
    try:
        known = json.loads((folder / JOURNAL / SEAL).read_bytes())
    except (OSError, ValueError):
        raise NotAStore(f"the store {shown(folder)} is damaged: {JOURNAL}/{SEAL} cannot be read.") from None
    for name, (size, crc) in known.items():
        fault = fault_of(folder / name, size, crc)
        if fault is not None:
            raise NotAStore(
                f"the store {shown(folder)} is damaged: {fault}. Its axes can no longer be trusted; start again."
            )


def _attributes_read(folder: Path) -> dict[str, Any]:
    if not folder.exists():
        raise NotAStore(f"there is no store {shown(folder)}.")
    if not folder.is_dir():
        raise NotAStore(f"{shown(folder)} is a file; a store is a folder such as map.zarr.")
    try:
        found = json.loads((folder / "zarr.json").read_bytes())
        attributes = dict(found["attributes"])
        own = json.loads(attributes["qet_store"])
    except FileNotFoundError:
        raise NotAStore(f"{shown(folder)} is a folder but no store: there is no zarr.json in it.") from None
    except (OSError, ValueError, KeyError, TypeError):
        raise NotAStore(
            f"{shown(folder)} is no store of qet: its zarr.json does not say what study it holds."
        ) from None
    if not isinstance(own, dict) or not isinstance(own.get("format"), int) or own["format"] > FORMAT:
        raise NotAStore(
            f"{shown(folder)} was written by a newer qet ({attributes.get('source', 'unknown')}); this one reads "
            f"stores up to format {FORMAT}. Update qet."
        )
    return attributes


def _is_empty_folder(path: Path) -> bool:
    return path.is_dir() and not any(path.iterdir())
