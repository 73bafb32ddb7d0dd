"""Runs that are served: what each can be asked, how a request becomes rows of its model, and its line."""

import functools
import math
import re
import time
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor

from genzoo.apps.cli.using import loaded_on
from genzoo.apps.serve.calling import Called, call
from genzoo.apps.serve.drawing import Drawn, draw
from genzoo.apps.serve.limits import Limits
from genzoo.apps.serve.line import Job, Line
from genzoo.apps.serve.metrics import Metrics
from genzoo.apps.serve.refusals import Refusal, refused
from genzoo.apps.serve.scoring import score
from genzoo.apps.serve.speaking import Spoken, speak
from genzoo.apps.serve.uploads import file_of
from genzoo.core import Given
from genzoo.core.given import SINGLE, as_given
from genzoo.core.noise import fresh_seed
from genzoo.data import Codec
from genzoo.data.codecs.audio import SoundCodec
from genzoo.data.codecs.image import ImageCodec
from genzoo.data.codecs.table import PointsCodec, TableCodec
from genzoo.data.codecs.text import SpellingCodec
from genzoo.evaluation.shown import as_shown
from genzoo.tasks.imputation import imputes
from genzoo.zoo.conditions import conditions, in_order, several, together, told_of_numbers, told_of_texts
from genzoo.zoo.loading import Run
from genzoo.zoo.mistakes import Mistake, nearest
from genzoo.zoo.sampling import check_sampling
from genzoo.zoo.store import WEIGHTS, named_run

__all__ = ["Served", "Shelf"]

C = TypeVar("C", bound=Codec)
KINDS: dict[type[Codec], str] = {
    ImageCodec: "image",
    SoundCodec: "audio",
    SpellingCodec: "text",
    TableCodec: "table",
    PointsCodec: "table",
}
COUNTED = ("steps", "calls", "sweeps", "after", "draws", "islands", "particles", "starts")  # how often it is called
KEPT = 128  # conditions in words that are kept as rows
OURS = ("ahead", "beams", "draft", "prefix", "wrap", "watch")  # no plain values, or for texts alone


class Served:
    """A run with its line.

    Args:
        name: By which it is asked.
        run: The run.
        limits: What is taken on.
        metrics: Counts what is done.
    """

    def __init__(self, name: str, run: Run, limits: Limits, metrics: Metrics) -> None:
        self.name, self.run, self.limits, self.metrics = name, run, limits, metrics
        self.model, self.codec = run.generative, run.codec
        self.line = Line(name, self._work, limits, lambda jobs, rows: metrics.turn(name, jobs, rows))
        self.said = functools.lru_cache(KEPT)(self._rows_said)  # clients ask for the same again
        metrics.watch(name, self.line)

    @functools.cached_property
    def kind(self) -> str:
        """What its rows are: image, audio, text, table or array."""
        return next((kind for codec, kind in KINDS.items() if isinstance(self.codec, codec)), "array")

    @functools.cached_property
    def routes(self) -> list[str]:
        """What it can be asked."""
        can = {
            "completions": self.kind == "text" and self.model.can("sample"),
            "images/generations": self.kind == "image" and self.model.can("sample"),
            "images/edits": self.kind == "image" and self.model.can("sample"),
            "chat/completions": self.kind == "text" and self.model.can("step"),
            "audio/speech": self.kind == "audio" and self.model.can("sample"),
            "score": self.model.can("log_prob"),
            "impute": self.kind == "table" and imputes(self.model) is not None,
            "expect": self.model.can("sample"),
        }
        return [f"/v1/{route}" for route, able in can.items() if able]

    def about(self) -> dict[str, Any]:
        """What `/v1/models` says of it: the standard fields, and under `genzoo` the rest."""
        recipe, data = self.run.config.recipe, self.run.config.data
        more = {
            "recipe": recipe.name, "data": data.name, "kind": self.kind, "routes": self.routes,
            "likelihood": self.model.likelihood.value, "space": str(self.model.space), "given": self.given_words,
            "options": self.options,
        }  # fmt: skip
        created = int((self.run.path / WEIGHTS).stat().st_mtime)
        return {"id": self.name, "object": "model", "created": created, "owned_by": "genzoo", "genzoo": more}

    @functools.cached_property
    def given_words(self) -> dict[str, Any]:
        """What it is conditioned on, by the names of the data, with classes that have names, or the kind of file."""
        data, spaces = self.run.config.data, self.model.given_space
        found: dict[str, dict[str, Any]] = {}
        for own in spaces:
            name = self._called(own)
            classes = data.classes.get(own if own in data.classes else "", [])
            found[name] = {"is": str(spaces[own]), "classes": classes}
            if name in self.needed:
                found[name]["needed"] = True
            if name in self.files:
                found[name]["file"] = self.files[name][1].kind
        return found

    @functools.cached_property
    def files(self) -> dict[str, tuple[str, Codec]]:
        """The conditions that are files, by the names of the data: each with its own name and what reads it."""
        return {name: kept for name, kept in self._read.items() if not isinstance(kept[1], SpellingCodec | TableCodec)}

    @functools.cached_property
    def texts(self) -> dict[str, tuple[str, Codec]]:
        """The conditions that are texts, likewise."""
        return {name: kept for name, kept in self._read.items() if isinstance(kept[1], SpellingCodec)}

    @property
    def _read(self) -> dict[str, tuple[str, Codec]]:
        """The conditions that are more than numbers."""
        return {self._called(own or SINGLE): (own or SINGLE, codec) for own, codec in self.run.given_codecs.items()}

    def _called(self, own: str) -> str:
        """The name that the data have for a condition; a single one was given none in training."""
        return (self.run.config.data.given or [SINGLE])[0] if set(self.model.given_space) == {SINGLE} else own

    @functools.cached_property
    def options(self) -> list[str]:
        """Options of sampling that are plain values."""
        return sorted(set(self.model.options("draw")) - set(OURS))

    @functools.cached_property
    def shown(self) -> dict[str, Any]:
        """Options by which samples are shown, as the command line shows them."""
        return as_shown(self.model)

    def codec_of(self, kind: type[C]) -> C:
        """The run's codec, for what can be asked of one kind of codecs alone.

        Raises:
            Refusal: If it is of another.
        """
        if not isinstance(self.codec, kind):
            got = f"{self.name} of kind {self.kind}"
            raise Refusal(400, f"A model of kind {KINDS[kind]} must be asked this, got {got}. Name another.", "model",
                          "unsupported")  # fmt: skip
        return self.codec

    def of_the_space(self, x: Tensor) -> Tensor:
        """Numbers as the run's space keeps them."""
        space = self.model.space
        return x.to(getattr(torch, space.dtype)) if space.is_discrete else x

    # --- requests ---------------------------------------------------------------------------------------------

    def must(self, route: str) -> None:
        """Refuses a request that the run cannot answer.

        Raises:
            Refusal: Saying what it can be asked.
        """
        if f"/v1/{route}" not in self.routes:
            can = ", ".join(self.routes) or "nothing"
            raise Refusal(400, f"{self.name} ({self.kind}) isn't asked at /v1/{route}. Ask it at {can}.", "model",
                          "unsupported_route")  # fmt: skip

    def words(self, asked: Mapping[str, Any]) -> dict[str, str]:
        """A condition as the words of the command line.

        Raises:
            Refusal: If it is no words, or kept in files.
        """
        for name, value in asked.items():
            at = f"given.{name}"
            if name in self.files:
                raise Refusal(400, f"{at} is a file, which this route can't take. Leave it out.", at, "unsupported")
            if name in self.texts and isinstance(value, list):
                raise Refusal(400, f"{at} must be one text here, got a list. Ask for each.", at, "invalid_type")
            if name in self.texts and isinstance(value, str) and not value.strip():
                raise Refusal(400, f"{at} must say something, got an empty text. Leave it out to draw from all.", at,
                              "empty")  # fmt: skip
        return {name: _word(name, value) for name, value in asked.items()}

    @functools.cached_property
    def needed(self) -> list[str]:
        """The conditions that every row needs, and of which nobody could say all in turn."""
        spaces = self.model.given_space
        always = spaces if not self.model.takes_null() else sorted(self.model.required)
        return [self._called(own) for own in always if in_order(spaces[own], 1, range(1)) is None]

    def check_needed(self, asked: Mapping[str, Any]) -> None:
        """Refuses a request that lacks a condition without which the run draws and scores nothing.

        Raises:
            Refusal: Naming the first that is lacking.
        """
        if lacking := [name for name in self.needed if name not in asked]:
            raise Refusal(400, f"given.{lacking[0]} must be said: {self.name} knows rows only given "
                          f"{', '.join(self.needed)}. Say {'them' if lacking[1:] else 'it'}.", f"given.{lacking[0]}",
                          "missing")  # fmt: skip

    def given(self, asked: Mapping[str, Any], n: int) -> Given:
        """The condition of n rows, in full.

        Raises:
            Refusal: If it is none of the run's, or is kept in files, or is lacking where it is needed.
        """
        self.check_needed(asked)
        brought = {name: self._brought(name, value, n) for name, value in asked.items()
                   if name in self.files or (name in self.texts and isinstance(value, list))}  # fmt: skip
        words = self.words({name: value for name, value in asked.items() if name not in brought})
        self._check_shares(words, n)
        try:
            if not brought:
                return self.said(tuple(words.items()), n)
            rows = conditions(self.model, self.run.config.data, words, n, self.run.given_codecs)
            owns = {name: own for name, (own, _) in (self.files | self.texts).items()}
            more = {owns[name]: value.to(self.model.device) for name, value in brought.items()}
            return self.model.checked_given({**as_given(rows), **more}, n)
        except ValueError as error:
            raise refused(error, "given") from None

    def _check_shares(self, words: Mapping[str, str], n: int) -> None:
        """Refuses more values of a condition than rows, of which some would be left out in silence."""
        for own, space in self.model.given_space.items():
            name = self._called(own)
            if name not in words or space.shape:
                continue
            _, codec = self._read.get(name, (own, None))
            count = len(several(words[name], self.given_words[name]["classes"], codec))
            if count > n:
                must = f"must be at most {n} value{'s' * (n > 1)}, one for a row"
                raise Refusal(
                    400, f"given.{name} {must}, got {count}. Ask for more rows.", f"given.{name}", "too_many"
                )

    def _rows_said(self, words: tuple[tuple[str, str], ...], n: int) -> Given:
        """n rows of a condition in words."""
        rows = conditions(self.model, self.run.config.data, dict(words), n, self.run.given_codecs)
        return self.model.checked_given(rows, n)

    def _brought(self, name: str, said: Any, n: int) -> Tensor:
        """n rows of a condition that is a file or a text, or several, which share the n."""
        own, codec = (self.files | self.texts)[name]
        space = self.model.given_space[own]
        each, kind = said if isinstance(said, list) else [said], "texts" if name in self.texts else "files"
        if not 0 < len(each) <= n:
            raise Refusal(400, f"given.{name} must be at most {n} {kind}, one for a row, got {len(each)}. Send one.",
                          f"given.{name}", "too_many")  # fmt: skip
        at = [f"given.{name}.{i}" if isinstance(said, list) else f"given.{name}" for i in range(len(each))]
        read = functools.partial(self._text_of, name) if kind == "texts" else functools.partial(file_of, codec, space)
        rows = torch.stack([read(one, place) for one, place in zip(each, at, strict=True)])
        return rows[torch.arange(n) * len(each) // n]

    def _text_of(self, name: str, said: Any, at: str) -> Tensor:
        """One row of a condition that is a text."""
        if not isinstance(said, str):
            raise Refusal(400, f"{at} must be a text, got {type(said).__name__}. Correct it.", at, "invalid_type")
        try:
            rows = conditions(self.model, self.run.config.data, self.words({name: said}), 1, self.run.given_codecs)
        except ValueError as error:
            raise refused(error, at) from None
        return as_given(rows)[self.texts[name][0]][0]

    def remarks(self, asked: Mapping[str, Any]) -> list[str]:
        """What is to be said of the texts and numbers of a condition."""
        words = {name: _word(name, value) for name, value in asked.items()}
        return [*told_of_texts(words, self.run.given_codecs), *told_of_numbers(words, self.run.config.data)]

    def drawn(
        self, n: int, seed: int | None, given: Mapping[str, Any], options: Mapping[str, Any], **more: Any
    ) -> Drawn:
        """Rows that are asked for, as they are drawn; `more` is said of them to `Drawn`.

        Raises:
            Refusal: If a condition or an option is none of the run's, or it is too much work.
        """
        for name, value in options.items():
            if name not in self.options:
                close = nearest(name, self.options)
                fix = f"Did you mean {close}?" if close else f"Choose among: {', '.join(self.options) or 'none'}."
                raise Refusal(400, f"There is no option {name!r} of {self.name}. {fix}", f"options.{name}", "unknown")
            if name == "against" and isinstance(value, dict):
                self._check_avoided(value, n)
                continue
            if not (isinstance(value, int | str | None) or _is_finite(value)):
                raise Refusal(400, f"options.{name} must be a number, a word or null. Correct it.", f"options.{name}",
                              "invalid_type")  # fmt: skip
            try:
                check_sampling(name, value)
            except ValueError as error:
                raise refused(error, f"options.{name}") from None
        self.bounded(n, options, self.limits.rows)
        seed = fresh_seed() if seed is None else seed
        asked = {name: _Avoided(value) if isinstance(value, dict) else value for name, value in options.items()}
        return Drawn(n, seed, self.given(given, n), self.shown | asked, **more)

    def _check_avoided(self, asked: Mapping[str, Any], n: int) -> None:
        """Refuses a condition to keep away from that is none of the run's."""
        if not self.model.given_space:
            raise Refusal(400, f"options.against must be a condition to keep away from, and {self.name} takes none. "
                          "Leave it out.", "options.against", "unsupported")  # fmt: skip
        try:
            self.given(asked, n)
        except Refusal as error:
            error.param = (error.param or "given").replace("given", "options.against")
            error.message = re.sub(r"\bgiven\b", "options.against", error.message)
            raise

    def bounded(self, n: int, options: Mapping[str, Any], most: int | None) -> None:
        """Refuses more work than the server takes on.

        Raises:
            Refusal: Saying the limit.
        """
        said = {name: options[name] for name in COUNTED if name in options}
        counts = {name: int(value) for name, value in said.items() if isinstance(value, int) or _is_finite(value)}
        many = [name for name, value in counts.items() if value > 1]
        work = n * self.model.space.dims * math.prod(counts[name] for name in many)
        if most is not None and n > most:
            raise Refusal(400, f"n must be at most {most}, got {n}. Send several requests.", "n", "too_many")
        if work > self.limits.work:
            fix = f"Take fewer {' or '.join(many)}." if many else "Ask for fewer."
            got = f"{work:,}" if work < 10**15 else "far more"
            product = " × ".join(["n × entries", *(many or ["steps"])])
            raise Refusal(400, f"{product} must be at most {self.limits.work:,}, got {got}. {fix}",
                          "options" if many else "n", "too_much_work")  # fmt: skip

    def seconds(self, wanted: float | None) -> float:
        """How long a request may take."""
        return self.limits.seconds if wanted is None else min(wanted, self.limits.seconds)

    # --- work -------------------------------------------------------------------------------------------------

    def _work(self, jobs: Sequence[Job]) -> Any:
        torch.set_grad_enabled(False)  # of this thread
        match jobs[0].asked:
            case Drawn():
                return draw(self.model, jobs)
            case Spoken():
                return speak(self.model, self.codec_of(SpellingCodec), jobs)
            case Called():
                return call(jobs)
            case _:
                return score(self.model, jobs)


class _Avoided(dict[str, Any]):
    """A condition in words, by which requests are told apart."""

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(tuple(sorted((name, str(value)) for name, value in self.items())))


class Shelf(dict[str, Served]):
    """All runs that are served, by name."""

    def find(self, name: str | None) -> Served:
        """The run of a name; where there is one only, it needs none.

        Raises:
            Refusal: If there is none.
        """
        if name is None and len(self) == 1:
            return next(iter(self.values()))
        if name is None:
            raise Refusal(400, f"model must be named where several are served, got none. There are: "
                          f"{', '.join(self)}.", "model", "missing")  # fmt: skip
        if name not in self:
            close = nearest(name, self)
            fix = f"Did you mean {close!r}?" if close else f"There are: {', '.join(self)}."
            raise Refusal(404, f"There is no model {name!r}. {fix}", "model", "model_not_found")
        return self[name]

    def close(self) -> None:
        """Ends all lines."""
        for served in self.values():
            served.line.close()


def shelved(runs: Sequence[str], device: str, limits: Limits, metrics: Metrics) -> Shelf:
    """Runs, loaded from their folders.

    Args:
        runs: Their folders, or NAME=FOLDER.
        device: Where.
        limits: What is taken on.
        metrics: Counts what is done.

    Raises:
        Mistake: If a folder is no run, or two have one name.
    """
    shelf = Shelf()
    for word in runs:
        name, path = named_run(word)
        if name in shelf:
            raise Mistake(f"Runs must have names of their own, got {name!r} twice.", f"Write other={path}")
        began = time.monotonic()
        shelf[name] = Served(name, loaded_on(path, device), limits, metrics)
        metrics.load.labels(name).set(time.monotonic() - began)
    return shelf


def _word(name: str, value: Any) -> str:
    """A condition of a request as a word of the command line."""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and value and all(isinstance(each, str | int) or _is_finite(each) for each in value):
        return together(map(str, value))
    if (isinstance(value, int) and not isinstance(value, bool)) or _is_finite(value):
        return str(value)
    raise Refusal(400, f"given.{name} must be a word, a number or a list of them, got "
                  f"{type(value).__name__}. Correct it.", f"given.{name}", "invalid_type")  # fmt: skip


def _is_finite(value: Any) -> bool:
    return isinstance(value, float) and math.isfinite(value)
