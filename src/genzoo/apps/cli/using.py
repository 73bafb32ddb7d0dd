"""What a trained run is good for: samples, scores, measurements."""

import csv
import functools
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from genzoo.apps.cli.beside import told_conditions, write_record
from genzoo.apps.cli.heartbeat import Heartbeat
from genzoo.apps.cli.programming import PROBLEMS, AllowOption, pass_rates
from genzoo.apps.cli.words import pairs, print_json, print_table
from genzoo.zoo.mistakes import Mistake, unknown
from genzoo.zoo.sampling import check_sampling
from genzoo.zoo.store import read_config, whole
from genzoo.zoo.terminal import say

if TYPE_CHECKING:
    from torch import Tensor

    from genzoo.data import Data, Rows
    from genzoo.zoo.loading import Run

__all__ = [
    "COMMANDS",
    "DataOption",
    "RunPath",
    "SplitOption",
    "UnseenOption",
    "data_of",
    "drawn_into",
    "loaded_on",
    "refuse_ending",
    "refuse_own",
    "refuse_way",
    "rows_of",
    "sampling_options",
]

ROWS, ENTRIES = 1000, 1 << 22  # of samples that are drawn at a time, at most
MOST = 10**9  # samples of one call: more would fill any disk

RunPath = Annotated[Path, typer.Argument(metavar="RUN", help="A run's folder.")]
DataOption = Annotated[str | None, typer.Option(help="A name, a file or a folder; by default the run's own data.")]
OnlineOption = Annotated[bool, typer.Option("--online", help="Fetch the run's data from the hub, if they lie there.")]
SplitOption = Annotated[str, typer.Option(help="Which rows: train, valid or test.")]
UnseenOption = Annotated[str, typer.Option(help="Words that training lacked: error, or missing.")]
MetricsOption = Annotated[str | None, typer.Option(help="Of programs: pass@1,pass@10, by the tests of problems.")]


def sample(
    run: RunPath,
    n: Annotated[int, typer.Option("-n", min=1, max=MOST, help="How many.")] = 64,
    seed: Annotated[int | None, typer.Option(min=0, help="Names the noise; by default a fresh one.")] = None,
    given: Annotated[list[str] | None, typer.Option(help="The condition: label=0,1,2 or text='a cat'.")] = None,
    where: Annotated[
        str | None, typer.Option(help="Of a table: rows in which this holds, as \"age > 60 and sex == 'F'\".")
    ] = None,
    options: Annotated[list[str] | None, typer.Option("--set", help="An option of the model's sampling.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps.")] = "auto",
    out: Annotated[Path | None, typer.Option(help="The file; by default in the run's folder.")] = None,
    plain: Annotated[bool, typer.Option("--plain", help="Say in no picture or sound that a model made it.")] = False,
) -> None:
    """Draw samples into a file of the data's own kind, with a JSON of seed, settings and conditions beside it; a table
    keeps the conditions in columns of their own, and may be .csv or .parquet."""
    read_config(run)  # whatever is wrong with the folder is told before torch is loaded
    from genzoo._ranks import agreed
    from genzoo.core.noise import fresh_seed
    from genzoo.evaluation.shown import MEAN, as_shown
    from genzoo.zoo.conditions import told_of_numbers, told_of_texts
    from genzoo.zoo.receipts import signed

    loaded = loaded_on(run, device)
    seed = agreed(fresh_seed()) if seed is None else seed
    shown = as_shown(loaded.generative)
    wanted = shown | sampling_options(loaded, pairs("--set", options or ()))
    words = pairs("--given", given or (), as_text=True)
    for remark in (*told_of_texts(words, loaded.given_codecs), *told_of_numbers(words, loaded.config.data)):
        say(remark, err=True)
    path = _output(loaded, out or run / "samples" / f"sample-seed{seed}-n{n}{loaded.codec.suffix}")
    record = {"n": n, "seed": seed, "given": given or [], "options": wanted}
    record |= {} if where is None else {"where": where}
    with Heartbeat("sample") as beat, whole(path) as draft:
        beat.say(f"drawing {n:,} samples")
        drawn_into(loaded, record, draft, path.suffix)
        record = {"run": str(run)} | signed(loaded, record, draft, inside=not plain)
    with whole(path.with_suffix(".json")) as draft:
        write_record(draft, record, lambda: told_conditions(loaded, n, words, ROWS))
    say(f"{n} samples with seed {seed}: {path}")
    if shown and not wanted["noise"]:
        say(MEAN)


def score(
    run: RunPath,
    data: DataOption = None,
    split: Annotated[
        str | None, typer.Option(help="train, valid or test; by default test, and of --data every row.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Names the noise of a bound.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps.")] = "auto",
    out: Annotated[Path | None, typer.Option(help="The CSV; by default in the run's folder.")] = None,
    unseen: UnseenOption = "error",
    online: OnlineOption = False,
    bound: Annotated[
        str, typer.Option(help="one, or both: log p from below and above, where a model draws symbols by many paths.")
    ] = "one",
    paths: Annotated[int, typer.Option(min=2, help="Paths that are weighed for each row, where both are told.")] = 16,
) -> None:
    """Write the log-probability of every row of data, in nats, as CSV; of a file that the run has not seen, of all."""
    read_config(run)
    refuse_own(out, data)
    if bound not in ("one", "both"):
        raise unknown("bound", bound, ("one", "both"))
    from genzoo.evaluation import likelihood

    loaded = loaded_on(run, device)
    with Heartbeat("score") as beat:
        beat.say("reading the data")
        read = data_of(loaded, data, online, unseen)
    rows = read.rows() if data is not None and split is None else rows_of(read, split or "test")
    name = split or ("test" if data is None else read.name)
    space, path = loaded.generative.space, out or run / f"scores-{name}.csv"
    columns = ["row", "log_prob", "bits_per_dim"] if space.is_discrete else ["row", "log_prob"]
    numbers = rows.numbers if read.numbers is None else read.numbers[rows.numbers]
    _make_folder(path.parent)
    if bound == "both":
        return _bracketed(loaded, rows, numbers.tolist(), path, seed, paths)
    with Heartbeat("score"), whole(path) as draft, draft.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        nats, dims = likelihood.score(loaded.generative, rows, seed=seed), likelihood.entries_of(rows, space)
        bits = -nats / (dims * math.log(2))
        every = zip(numbers.tolist(), nats.tolist(), bits.tolist(), strict=True)
        writer.writerows(row[: len(columns)] for row in every)
    mean, kind = nats.sum().item() / max(1, len(rows)), loaded.generative.likelihood.value
    beside = "its negative is the −log p of evaluate"
    if space.is_discrete:
        beside = f"{-nats.sum().item() / (dims.sum().item() * math.log(2)):.4g} bits/dim, as evaluate has it"
    say(f"{len(rows):,} of {len(read):,} rows, log p = {mean:.4g} nats/row on average ({kind}), {beside}: {path}")
    for note in read.notes:
        if note.startswith("dropped") or "(skip_bad)" in note:
            say(note)
    return None


def evaluate(
    run: RunPath,
    data: DataOption = None,
    split: SplitOption = "test",
    samples: Annotated[int, typer.Option(min=2, help="Samples that are held against real rows.")] = 2000,
    rows: Annotated[int | None, typer.Option(min=1, help="Rows that are scored; by default all.")] = None,
    importance: Annotated[int | None, typer.Option(min=1, help="Draws per row of a tighter bound.")] = None,
    extractor: Annotated[
        str | None, typer.Option(help="What sees the samples: a judge, values or random; by default what suits.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Names the noise and the samples.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    unseen: UnseenOption = "error",
    online: OnlineOption = False,
    metrics: MetricsOption = None,
    allow_running_code: AllowOption = False,
) -> None:
    """Measure a run on held-out rows; every number with its kind, its error and its protocol."""
    read_config(run)
    if metrics is not None:
        load = functools.partial(_with_data, run, device, data, online)
        return pass_rates(run, load, metrics, split, rows or PROBLEMS, seed, allow_running_code, as_json=as_json)
    from genzoo.evaluation import Examiner, Protocol
    from genzoo.evaluation.measurement import remarks_on
    from genzoo.experiments.contestants import spent_by
    from genzoo.experiments.eyes import eye_named
    from genzoo.zoo.card import card
    from genzoo.zoo.store import CARD

    loaded = loaded_on(run, device)
    with Heartbeat("evaluate") as beat:
        beat.say("reading the data")
        read = data_of(loaded, data, online, unseen)
        rows_of(read, split)
        protocol = Protocol(rows=rows, samples=samples, importance=importance, seed=seed, split=split)
        beat.say("choosing what sees samples")
        seen = extractor or (None if loaded.generative.can("sample") else "values")  # where there are no samples
        eye = eye_named(seen, read, spent_by(loaded, "core_seconds"))
        examiner = Examiner(read, protocol, eye.extractor)
        findings = examiner(loaded.generative)
    found = findings.measurements
    records = [measurement.to_json() for measurement in found]
    with whole(run / "evaluation.json") as kept, whole(run / CARD) as told:
        kept.write_text(json.dumps(records, indent=1, ensure_ascii=False) + "\n")
        told.write_text(card(run, loaded.config, loaded.metrics, found))
    if as_json:
        return print_json(records)
    heads: tuple[str, ...] = ("what", "value", "kind", "unit", "n", "floor", "shuffled", "protocol")
    lines: list[tuple[Any, ...]] = [
        (m.name, str(m), m.kind.value, m.unit, m.n, m.floor, m.control, m.fingerprint) for m in found
    ]
    if all(m.control is None for m in found):  # which is of tables and molecules alone
        heads, *lines = ((*row[:6], *row[7:]) for row in (heads, *lines))
    print_table(heads, lines)
    if eye.why:
        say(f"Seen by {examiner.extractor.name}. {eye.why}")
    omitted = (f"Left out: {name}. {reason}" for name, reason in findings.omitted.items())
    for remark in (*remarks_on(found), *omitted):
        say(remark)
    return None


def expect(
    run: RunPath,
    of: Annotated[str, typer.Option(help="What is asked: 'x[3] > 2', 'norm(x)', 'age > 40 and mean(x) < 0'.")],
    given: Annotated[list[str] | None, typer.Option(help="The condition: label=0,1,2 or text='a cat'.")] = None,
    n: Annotated[
        int, typer.Option("-n", "--n", min=2, max=MOST, help="How many samples, at first with --within.")
    ] = 10_000,
    within: Annotated[
        float | None, typer.Option(min=0, help="Go on until the mean is known to this share of itself.")
    ] = None,
    quantiles: Annotated[str, typer.Option(help="Which quantiles of a number to tell.")] = "0.05,0.5,0.95",
    rare: Annotated[bool, typer.Option("--rare", help="Reach for the event by importance sampling.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="Names the samples.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of words.")] = False,
) -> None:
    """Tell the probability of a statement about x, or the mean of a number, under a run; with 95 % intervals."""
    read_config(run)
    from genzoo.apps.cli.answers import Answer, columns_of, parsed_quantiles, written
    from genzoo.tasks import Expression, expectation, rare_event
    from genzoo.tasks.questions import spoken
    from genzoo.zoo.conditions import conditions, turns

    loaded, places = loaded_on(run, device), parsed_quantiles(quantiles)
    asked = Expression(spoken(of), columns_of(loaded.codec, loaded.generative.space))
    words = pairs("--given", given or (), as_text=True)
    model, data = loaded.generative, loaded.config.data
    rows = conditions(model, data, words, turns(model, data, words), loaded.given_codecs)
    answer: Answer
    with Heartbeat("expect") as beat:
        beat.say("drawing samples")
        if rare:
            margin = written(asked.margin, loaded.codec)
            event = rare_event(loaded.generative, margin, n, given=rows, seed=seed)
            answer = Answer.of_event(asked, event, seed)
        else:
            asking = written(asked, loaded.codec)
            found = expectation(loaded.generative, asking, n, given=rows, seed=seed, within=within)
            answer = Answer.of_values(asked, found, places)
    if as_json:
        return print_json(answer.to_json() | {"run": str(run), "given": given or []})
    say(answer.sentence)
    if answer.rows:
        print_table(("what", "value", "from", "to"), answer.table())
    return None


def loaded_on(path: Path, device: str) -> "Run":
    """A run with its model on a device; ranks that torchrun started make rows together from here on.

    Args:
        path: The run's folder.
        device: Where, as auto or cuda:1.
    """
    from genzoo._ranks import meet
    from genzoo.training.config import TrainConfig
    from genzoo.training.team import Team
    from genzoo.zoo.loading import load

    place = Team(TrainConfig(device=device)).device
    meet()
    run = load(path)
    run.model.to(place)
    return run


def _with_data(path: Path, device: str, source: str | None, online: bool) -> "tuple[Run, Data]":
    """A run, and the data to measure it on."""
    run = loaded_on(path, device)
    return run, data_of(run, source, online)


def data_of(run: "Run", source: str | None, online: bool, unseen: str = "error") -> "Data":
    """The data to measure on, seen as the run saw its own.

    Args:
        run: The run.
        source: A name, a file or a folder; by default the run's own data.
        online: Whether they may be fetched.
        unseen: Whether words that the run has not seen are an error, or missing.

    Raises:
        Mistake: If they are to be missing, and the run's model takes no missing entries.
    """
    refuse_way(unseen)
    if unseen == "missing" and not run.generative.can("missing"):
        raise Mistake(f"{run.config.recipe.name} takes no missing entries.", "Leave --unseen out.")
    if source is None:
        return run.data(online=online)
    from genzoo.zoo.inputs import other_data

    way: Literal["error", "missing"] = "missing" if unseen == "missing" else "error"
    return other_data(run.config, run.codec, source, way, run.given_codecs)


def refuse_way(unseen: str) -> None:
    """Refuses what is no way of words that training lacked."""
    if unseen not in ("error", "missing"):
        raise unknown("way of unseen words", unseen, ("error", "missing"))


def refuse_own(out: Path | None, data: str | Path | None) -> None:
    """Refuses to write over the file that is read."""
    if out is not None and data is not None and out.exists() and Path(data).exists() and out.samefile(data):
        raise Mistake(f"--out must be another file than the one that is read, got {out} for both.", "Name a new one.")


def refuse_ending(out: Path, endings: Sequence[str]) -> None:
    """Refuses a file whose name says that it is of another kind than what is written."""
    if out.suffix.lower() not in endings:
        name = out.with_suffix(endings[0]) if out.name else out / f"out{endings[0]}"
        raise Mistake(
            f"This is written as {' or '.join(dict.fromkeys(endings))}, got {str(out)!r}.", f"Use --out {name}"
        )


def rows_of(data: "Data", split: str) -> Any:
    """The rows of a split.

    Args:
        data: The data.
        split: train, valid or test.

    Raises:
        Mistake: If there is no such split, or it has no rows.
    """
    if split not in ("train", "valid", "test"):
        raise unknown("split", split, ("train", "valid", "test"))
    rows = data.split(split)
    if not len(rows):
        raise Mistake(f"The split {split} of {data.name} must have rows, got none.", "Choose another --split.")
    return rows


def sampling_options(run: "Run", wanted: dict[str, Any]) -> dict[str, Any]:
    """Options of sampling, if the run's model knows them.

    Raises:
        Mistake: If it does not know one.
    """
    from genzoo.evaluation.likelihood import options_of

    known = options_of(run.generative, "draw")
    for name in wanted:
        if name not in known:
            raise unknown(f"sampling option of {run.config.recipe.name}", name, known)
        check_sampling(name, wanted[name])
    return wanted


def _in_symbols(run: "Run", options: dict[str, Any]) -> dict[str, Any]:
    """Options of sampling as the model takes them: a prefix is told as text, or as a list of levels, and a smaller
    model as its run."""
    import torch

    from genzoo.data.codecs.text import SpellingCodec

    changed = dict(options)
    if (prefix := options.get("prefix")) is not None:
        codec = run.codec
        changed["prefix"] = codec.ids(str(prefix)) if isinstance(codec, SpellingCodec) else torch.tensor(prefix)
    if (draft := options.get("draft")) is not None:
        changed["draft"] = loaded_on(Path(str(draft)), str(run.generative.device)).generative
    return changed


def _bracketed(run: "Run", rows: "Rows", numbers: list[int], path: Path, seed: int, paths: int) -> None:
    """Bounds of log p of rows from both sides, as CSV."""
    from genzoo.models.diffusion import bracket

    try:
        with Heartbeat("score"):
            found = bracket(run.generative, rows.x, rows.given, paths=paths, seed=seed)
    except (TypeError, ValueError) as problem:
        raise Mistake(
            f"{run.config.recipe.name} can't be bounded from both sides: {problem}", "Leave --bound out."
        ) from None
    with whole(path) as draft, draft.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["row", "lower", "upper", "error"])
        writer.writerows(zip(numbers, *(part.tolist() for part in found), strict=True))
    lower, upper = (part.mean().item() for part in (found.lower, found.upper))
    say(f"{len(rows):,} rows, {lower:.4g} ≤ log p ≤ {upper:.4g} nats/row on average, by {paths} paths each: {path}")


def drawn_into(run: "Run", asked: Mapping[str, Any], path: Path, suffix: str) -> None:
    """Draws samples into a file.

    Args:
        run: What they are drawn from.
        asked: Their number `n`, `seed`, conditions `given` and `options`, and what is to hold in them, `where`.
        path: The file.
        suffix: Its kind.

    Raises:
        Mistake: If a condition, an option or the statement is none of the run's.
    """
    n, seed, words = asked["n"], asked["seed"], pairs("--given", asked["given"], as_text=True)
    if (where := asked.get("where")) is None:
        parts = _samples(run, n, seed, words, _in_symbols(run, asked["options"]))
    else:
        parts = _samples_within(run, where, n, seed, words, asked["options"])
    _write_samples(run, parts, n, path, suffix)


def _samples_within(
    run: "Run", where: str, n: int, seed: int, words: Mapping[str, Any], options: Mapping[str, Any]
) -> Iterator[tuple["Tensor", dict[str, list[str]]]]:
    """Samples in which something holds, and the words for their conditions, in one part."""
    from genzoo.apps.cli.statements import within
    from genzoo.zoo.conditions import cells

    found = within(run, where, n, seed, words, options)
    model, data = run.generative, run.config.data
    yield found.x.cpu(), cells(model, data, found.given or None, n, run.given_codecs)


def _output(run: "Run", path: Path) -> Path:
    from genzoo.data.codecs.table import PointsCodec, TableCodec

    is_table = isinstance(run.codec, TableCodec | PointsCodec)
    if path.suffix not in (run.codec.suffix, *run.codec.also) and not (is_table and path.suffix == ".parquet"):
        raise Mistake(
            f"Samples of this run are written as {run.codec.suffix}, got {path.name!r}.",
            f"Use --out {path.with_suffix(run.codec.suffix)}",
        )
    _make_folder(path.parent)
    return path


def _samples(
    run: "Run", n: int, seed: int, words: Mapping[str, Any], options: Mapping[str, Any]
) -> Iterator[tuple["Tensor", dict[str, list[str]]]]:
    """Samples and the words for their conditions, in parts: any number of them goes into a file in the same memory."""
    from genzoo._ranks import rows_by_rank
    from genzoo.zoo.conditions import cells, conditions

    model, data, done = run.generative, run.config.data, 0
    told = functools.partial(conditions, model, data, words, n, run.given_codecs)

    def drawn(first: int, last: int) -> "Tensor":
        return model.sample(last - first, told(range(first, last)), seed=seed, start=first, **options).cpu()

    for x in rows_by_rank(n, max(1, min(ROWS, ENTRIES // model.space.dims)), drawn):
        yield x, cells(model, data, told(range(done, done := done + len(x))), len(x), run.given_codecs)


def _write_samples(
    run: "Run", parts: Iterator[tuple["Tensor", dict[str, list[str]]]], n: int, path: Path, suffix: str
) -> None:
    """Samples in the data's own kind of file; in a table their conditions are columns beside them."""
    from genzoo.data.arrow import write_parquet
    from genzoo.data.codecs.table import PointsCodec, TableCodec
    from genzoo.data.columns import write_columns

    codec = run.codec
    if isinstance(codec, TableCodec | PointsCodec):
        cells = (codec.cells(x) | beside for x, beside in parts)
        if suffix == ".parquet":
            kept = (codec.types, codec.words) if isinstance(codec, TableCodec) else ({},)
            write_parquet(path, cells, *kept)
        else:
            write_columns(path, cells)
    else:
        codec.save_parts((x for x, _ in parts), n, path)


def _make_folder(path: Path) -> None:
    path.mkdir(parents=True, exist_ok=True)


COMMANDS: dict[Callable[..., None], str] = {
    sample: "genzoo sample runs/vae-digits -n 64 --seed 0 --out digits.png",
    score: "genzoo score runs/vae-digits --data digits --split test",
    evaluate: "genzoo evaluate runs/vae-digits --importance 64",
    expect: "genzoo expect runs/vae-digits --of 'mean(x) > 5'",
}
