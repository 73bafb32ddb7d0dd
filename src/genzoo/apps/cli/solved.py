"""What is written of rows that are solved for: draws in the files of their kind, a wall, and a record that goes on."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genzoo._files import read_bytes, read_json
from genzoo.apps.cli.pictures import save_pictures
from genzoo.zoo.store import whole
from genzoo.zoo.terminal import say

if TYPE_CHECKING:
    from genzoo.zoo.loading import Run
    from genzoo.zoo.restoring import Restored

__all__ = ["Written", "calibrations_of", "keep_calibrations"]

CALIBRATIONS, LINES = "calibrations.json", "rows.jsonl"
ON_THE_WALL, SAID = 32, 3  # rows that are shown as pictures, and said as texts


class Written:
    """A folder of draws: a line of the journal for every batch that is whole, so that another call goes on.

    Args:
        run: What draws.
        place: The folder.
        asked: All that draws depend on; a journal of anything else is begun anew.
    """

    def __init__(self, run: "Run", place: Path, asked: dict[str, Any]) -> None:
        self.run, self.place, self.asked = run, place, asked
        self.journal = place / LINES
        place.mkdir(parents=True, exist_ok=True)
        lines = _lines(self.journal)
        self.batches = lines[1:] if lines and lines[0] == json.loads(json.dumps(asked)) else []
        with whole(self.journal) as draft:
            draft.write_text("".join(json.dumps(line) + "\n" for line in [asked, *self.batches]))

    @property
    def done(self) -> int:
        """How many rows are there."""
        return sum(batch["rows"] for batch in self.batches)

    def add(self, found: "Restored", start: int, n: int) -> None:
        """Some more rows, of n in all."""
        count = len(found.truth)
        if start == 0:
            self._show(found)
        folder = self.place / "draws"
        self._save(found, start, folder if count == n else folder / f"{start:0{len(str(n - 1))}d}")
        posterior = found.posterior
        batch = {
            "rows": count,
            "each": {name: values.tolist() for name, values in found.each().items()},
            "log_evidence": None if posterior.log_evidence is None else posterior.log_evidence.tolist(),
            "diagnostics": {name: _plain(value) for name, value in posterior.diagnostics.items()},
            "posterior": {
                "method": posterior.method,
                "exactness": posterior.exactness.value,
                "calls": posterior.calls,
            },
        }
        self.batches.append(batch)
        with self.journal.open("a") as file:
            file.write(json.dumps(batch) + "\n")

    def finish(self) -> dict[str, Any]:
        """The record of all rows."""
        import torch

        from genzoo.zoo.restoring import figures_of

        each = {
            name: torch.tensor([value for batch in self.batches for value in batch["each"][name]], dtype=torch.float64)
            for name in self.batches[0]["each"]
        }
        figures = {name: {"value": one.value, "error": one.error} for name, one in figures_of(each).items()}
        evidence = [value for batch in self.batches for value in batch["log_evidence"] or ()]
        told = {name: _together([batch["diagnostics"][name] for batch in self.batches]) for name in self._named()}
        record = {**self.asked, **self.batches[0]["posterior"], "log_evidence": evidence or None}
        record |= {"diagnostics": told, "figures": figures}
        with whole(self.place / "posterior.json") as draft:
            draft.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n")
        say(f"{self.done} rows: {self.place}")
        return record

    def _named(self) -> list[str]:
        return [name for name in self.batches[0]["diagnostics"] if all(name in b["diagnostics"] for b in self.batches)]

    def _show(self, found: "Restored") -> None:
        """The first rows, where they can be seen or read."""
        from genzoo.data.codecs.image import ImageCodec
        from genzoo.data.codecs.text import SpellingCodec

        if isinstance(self.run.codec, ImageCodec):
            pixels = (found.wall(ON_THE_WALL) * 255).round().byte().cpu()
            path, said = self.place / "wall.png", str(found.posterior)
            save_pictures(self.run, pixels, found.columns, path, said, composite=True)
        elif isinstance(self.run.codec, SpellingCodec):
            counted = found.measurement.operator.counted
            for x, drawn in list(zip(found.x, found.posterior.x[0], strict=True))[:SAID]:
                shown = [self.run.codec.text(x[i : i + 1].tolist()) for i in range(len(x))]
                known = [True] * len(x) if counted is None else counted.flatten().tolist()
                seen = "".join(word if there else "▒" for word, there in zip(shown, known, strict=True))
                for what, text in (("seen", seen), ("draw", self.run.codec.text(drawn.tolist()))):
                    say(f"{what}: {text}".replace("\n", "⏎"))

    def _save(self, found: "Restored", start: int, folder: Path) -> None:
        """Draws as files: of each row where a row is a picture or a sound, else a file for each draw of all rows."""
        from genzoo.data.codecs.audio import SoundCodec
        from genzoo.data.codecs.image import ImageCodec
        from genzoo.zoo.receipts import signed

        codec, x = self.run.codec, found.posterior.x.cpu()
        if isinstance(codec, ImageCodec | SoundCodec):
            about = {name: self.asked[name] for name in ("operator", "noise", "given")}
            for place, path in enumerate(codec.save_each(x.transpose(0, 1).flatten(0, 1), folder)):
                row, draw = divmod(place, len(x))
                told = {**about, "method": found.posterior.method, "row": start + row, "draw": draw}
                signed(self.run, {"seed": self.asked["seed"], "solved": told}, path, composite=True)
        elif codec is not None:
            folder.mkdir(parents=True, exist_ok=True)
            for k, draw in enumerate(x):
                codec.save(draw, folder / f"{k}{codec.suffix}")


def _lines(path: Path) -> list[Any]:
    """The lines of a journal that are whole."""
    if not path.exists():
        return []
    found = []
    for line in read_bytes(path).decode(errors="replace").splitlines():
        try:
            found.append(json.loads(line))
        except ValueError:
            break
    return found


def _plain(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else value


def _together(values: list[Any]) -> Any:
    """What batches tell: of each row one after the other, of a batch the largest."""
    return [each for value in values for each in value] if isinstance(values[0], list) else max(values)


def keep_calibrations(run: Path, key: str, found: dict[str, float]) -> Path:
    """Writes into a run what the spread of heuristics was over their error.

    Args:
        run: The run's folder.
        key: The operator and the channel.
        found: By method.
    """
    path = run / CALIBRATIONS
    kept = _read(path) | {key: found}
    with whole(path) as draft:
        draft.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n")
    return path


def calibrations_of(run: Path, key: str) -> dict[str, float]:
    """What is kept in a run of an operator and a channel; nothing where nothing is.

    Args:
        run: The run's folder.
        key: The operator and the channel.
    """
    found: dict[str, float] = _read(run / CALIBRATIONS).get(key, {})
    return found


def _read(path: Path) -> dict[str, Any]:
    return read_json(path) if path.exists() else {}
