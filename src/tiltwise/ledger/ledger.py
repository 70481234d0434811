"""The ledger: an append-only record of runs, aliases and notes, with the runs' return series."""

import contextlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tiltwise.errors import LedgerError
from tiltwise.ledger.artefacts import Artefacts, Files, decode
from tiltwise.ledger.chain import Chain, Entry, select
from tiltwise.ledger.integrity import Finding
from tiltwise.ledger.run import RETURNS, Run, number, plain

if TYPE_CHECKING:
    import pandas as pd

_RUN, _ALIAS = "run", "alias"
_NAME = re.compile(r"[a-z][a-z0-9_-]*")
_SHOWN = ("run", "trial", "family", "strategy", "data", "start", "end", "code", "tainted", "when")


class Ledger:
    """Every scored backtest of a folder.

    ``ledger.sqlite`` holds the chained rows, ``runs/<id>/`` the return series
    (``returns.parquet``), the configuration (``run.json``) and further files of each run. Nothing
    is ever changed or deleted. Threads and processes may read and write at once; one that is killed
    leaves the ledger valid.

    Parameters
    ----------
    folder
        Where it is; the first write creates it.

    Raises
    ------
    LedgerError
        What is there is not a ledger, or one of a newer version.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        if self.folder.exists() and not self.folder.is_dir():
            raise LedgerError(f"{self.folder} is a file; a ledger needs a folder of that name")
        self._artefacts = Artefacts(self.folder / "runs")
        self._chain = Chain(self.folder / "ledger.sqlite", self._artefacts.folder)

    def __repr__(self) -> str:
        return f"Ledger({str(self.folder)!r}, {self.head[0]} rows)"

    def add(self, run: Run, when: str | None = None) -> int:
        """Record a run and return its row number.

        A rerun adds a row but no trial; its files must be those already there.

        Parameters
        ----------
        run
            What to record.
        when
            ISO time of recording, if the caller has a clock; part of the row, not of `Run.id`.

        Raises
        ------
        LedgerError
            The same run gave other bytes before, or the folder cannot be written to.
        """
        record = run.record()
        # Placing under the write lock makes two writers of the same run take turns.
        with (
            self._explained(),
            self._artefacts.stage(run) as staged,
            self._chain.writing() as connection,
        ):
            earlier = select(connection, "kind = ? AND run = ?", _RUN, run.id)
            digests = self._artefacts.place(staged, _union(earlier).get(run.id, {}))
            body = {**record, "files": digests, "when": when}
            return self._chain.append(connection, _RUN, body)

    def alias(self, name: str, run: str, note: str = "", when: str | None = None) -> int:
        """Append a row by which `name` (say, champion) means `run` from now on; return its number.

        Parameters
        ----------
        name
            Lower-case letters, digits, ``-`` and ``_``.
        run
            Id, unique prefix of one, or another alias.
        note
            Why.
        when
            ISO time, if the caller has a clock.
        """
        _check_name(name)
        body = {"name": name, "run": self._find(run)["run"], "note": note, "when": when}
        return self._write(_ALIAS, body)

    def note(self, kind: str, payload: Mapping[str, Any], when: str | None = None) -> int:
        """Append a row of any other kind and return its number; `entries(kind)` gives it back."""
        _check_name(kind)
        if kind in (_RUN, _ALIAS):
            raise LedgerError(f"a note cannot be of kind {kind!r}; use Ledger.add or Ledger.alias")
        return self._write(kind, {"payload": plain(payload, kind, empty=True), "when": when})

    def count(self, family: str) -> int:
        """Return the number of distinct trials of a family: the N of a deflated Sharpe ratio."""
        with self._chain.reading() as connection:
            if connection is None:
                return 0
            query = "SELECT COUNT(DISTINCT trial) FROM entries WHERE family = ?"
            return int(connection.execute(query, (family,)).fetchone()[0])

    def get(self, key: str) -> Run:
        """Return the run with this id, unique prefix of an id, or alias.

        Metrics and notes are those of its last row, files those of all its rows; each file is
        checked against the recorded digest as it is read.

        Raises
        ------
        LedgerError
            There is none or there are several, or its files are missing or were changed.
        """
        return self._restored(self._find(key))

    def runs(self, family: str | None = None) -> tuple[Run, ...]:
        """Return each distinct run once, in the order first recorded."""
        return tuple(self._restored(body) for body in self._bodies(family).values())

    def returns(self, family: str) -> "pd.DataFrame":
        """Return net returns (session x trial) on the union of sessions, NaN where there is none.

        A trial that ran under several code versions shows the one recorded last.
        """
        import pandas as pd

        by_trial: dict[str, dict[str, Any]] = {}
        for entry in self.entries(_RUN, family):
            by_trial[entry.body["trial"]] = entry.body
        if not by_trial:
            return pd.DataFrame(index=pd.DatetimeIndex([], name="date"), dtype=float)
        table = pd.concat({t: self._series(b) for t, b in by_trial.items()}, axis=1, sort=True)
        return table.rename_axis(index="date", columns="trial")

    def rows(self) -> "pd.DataFrame":
        """Return one line per recorded run, with the value of every metric and its aliases."""
        import pandas as pd

        names: dict[str, list[str]] = {}
        for name, run in self.aliases().items():
            names.setdefault(run, []).append(name)
        lines = [_line(e, names.get(e.body["run"], [])) for e in self.entries(_RUN)]
        columns = dict.fromkeys(column for line in lines for column in line)
        shown = list(columns or dict.fromkeys(("row", "id", *_SHOWN[1:], "alias")))
        return pd.DataFrame(lines, columns=shown)

    def aliases(self) -> dict[str, str]:
        """Return the run id that each alias means now."""
        return {e.body["name"]: e.body["run"] for e in self.entries(_ALIAS)}

    def entries(self, kind: str | None = None, family: str | None = None) -> tuple[Entry, ...]:
        """Return the rows as they were written, of one kind or family or all."""
        conditions = {"kind": kind, "family": family}
        given = {name: value for name, value in conditions.items() if value is not None}
        wanted = " AND ".join(f"{name} = ?" for name in given) or "1"
        return self._chain.entries(wanted, *given.values())

    @property
    def head(self) -> tuple[int, str]:
        """Number and hash of the last row; stored elsewhere, it dates all rows before it."""
        return self._chain.head

    def verify(self) -> tuple[Finding, ...]:
        """Return the findings on rows and files.

        The ledger is intact if no finding is `Finding.broken`; the others are remains of killed
        processes. Found are edited, deleted, inserted or reordered rows and changed or missing
        files.
        """
        findings = list(self._chain.check())
        try:
            entries = self.entries(_RUN)
            recorded = _union(entries)
        except (LedgerError, AttributeError, KeyError, TypeError, ValueError):
            detail = "not checked, because the rows that list its files are damaged"
            return (*findings, Finding(None, self._artefacts.folder.name, detail))
        rows = {e.body["run"]: e.row for e in reversed(entries)}
        for run, files in recorded.items():
            findings += self._artefacts.check(rows[run], run, files)
        return (*findings, *self._artefacts.strays(recorded))

    def _write(self, kind: str, body: dict[str, Any]) -> int:
        with self._explained():
            self.folder.mkdir(parents=True, exist_ok=True)
            with self._chain.writing() as connection:
                return self._chain.append(connection, kind, body)

    def _bodies(self, family: str | None = None) -> dict[str, dict[str, Any]]:
        """Return the last row of each run by id, its files those of all its rows."""
        entries = self.entries(_RUN, family)
        files = _union(entries)
        return {e.body["run"]: {**e.body, "files": files[e.body["run"]]} for e in entries}

    def _find(self, key: str) -> dict[str, Any]:
        """Return the last row of the run that an id, a prefix or an alias means."""
        prefix = self.aliases().get(key, key)
        entries = self._chain.entries(
            "kind = ? AND substr(run, 1, ?) = ?", _RUN, len(prefix), prefix
        )
        files = _union(entries)
        if len(files) == 1 and prefix:
            return {**entries[-1].body, "files": files[entries[-1].body["run"]]}
        candidates = ", ".join(list(files)[:5]) or "none"
        raise LedgerError(
            f"{key!r} should mean one run of {self.folder}; it means {len(files)} ({candidates})."
            " See `tiltwise ledger list`"
        )

    def _restored(self, body: Mapping[str, Any]) -> Run:
        files = Files(self._artefacts, body["run"], body["files"])
        return Run.restore(body, self._series(body), files)

    def _series(self, body: Mapping[str, Any]) -> "pd.Series":
        return decode(self._artefacts.read(body["run"], RETURNS, body["files"][RETURNS]))

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn an OSError into a LedgerError that names the folder."""
        try:
            yield
        except OSError as error:
            raise LedgerError(f"{self.folder}: cannot be written to ({error})") from error


def _union(entries: tuple[Entry, ...]) -> dict[str, dict[str, str]]:
    """Return the recorded digest of every file, by run and name."""
    files: dict[str, dict[str, str]] = {}
    for entry in entries:
        files.setdefault(entry.body["run"], {}).update(entry.body["files"])
    return files


def _line(entry: Entry, aliases: list[str]) -> dict[str, Any]:
    body = {**entry.body, "strategy": entry.body["strategy"]["strategy"]}
    values = {
        name: number(metric.get("value") if isinstance(metric, dict) else metric)
        for name, metric in body["metrics"].items()
    }
    shown = {"id" if name == _RUN else name: body[name] for name in _SHOWN}
    return {"row": entry.row, **shown, "alias": ", ".join(sorted(aliases)), **values}


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise LedgerError(f"{name!r} is not a name; use lower-case letters, digits, - and _")
