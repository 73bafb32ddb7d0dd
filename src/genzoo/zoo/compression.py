"""Files into bytes by a run, and back."""

import contextlib
import copy
import shutil
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

import genzoo
from genzoo._files import open_plain, told
from genzoo.core import GenerativeModel, Likelihood, Sequential, Unsupported
from genzoo.core.given import Given
from genzoo.distributions.levels import flattened, unflattened
from genzoo.evaluation.likelihood import dims_of
from genzoo.models import LatentModel
from genzoo.models.abilities import Lattice, Layers
from genzoo.tasks.coding import BitsBack, Codes, Latents, Order, Part, Reader, Road, Whole, Writer
from genzoo.tasks.coding.fixed_point import MARGIN, STEP
from genzoo.zoo import store
from genzoo.zoo.conditions import conditions
from genzoo.zoo.loading import Run
from genzoo.zoo.members import Member, Rows, check_of, files_in, members_of, members_told, told_of, write_members
from genzoo.zoo.mistakes import Mistake
from genzoo.zoo.receipts import model_hash

__all__ = ["Report", "compress", "decompress", "road_of"]

UNLIKE = "Files have the content that they had and other bytes: who writes them here packs them otherwise."
ARITHMETIC = {"step": STEP, "margin": MARGIN, "coder": "constriction 24 bits"}


@dataclass(frozen=True)
class Report:
    """What came of files.

    Attributes:
        files: How many there are.
        before: Their bytes.
        entries: How many entries of rows they hold.
        after: The bytes of the compressed file.
        bits: What the model says that its entries take, of those that it gives mass, −log₂ p.
        words: The bits that the entropy coder wrote.
        charged: How many symbols have no mass under the model and cost 24 bits each.
        seconds: What it took.
        notes: What else is to be known.
    """

    files: int
    before: int
    entries: int
    after: int
    bits: float = 0.0
    words: int = 0
    charged: int = 0
    seconds: float = 0.0
    notes: Sequence[str] = field(default_factory=tuple)


def road_of(model: GenerativeModel, *, width: float | None = None, lossy: bool = False) -> Road:
    """The way of a model between rows and bytes: by its conditionals over an order, by whole numbers that it makes of
    rows, by bits back through its latents, or, if rows need not come back as they were, by its codes.

    Args:
        model: The model; a copy of it in double precision is asked.
        width: Between two points of the grid of latents that are no codes; for lossy ways only.
        lossy: Whether rows may come back as others.

    Raises:
        Unsupported: If there is no such way; the message says why.
    """
    exact = copy.deepcopy(model).double().eval()
    if lossy:
        return _lossy(exact, width)
    order, layers = exact.ability(Sequential), exact.ability(Layers)
    if not model.space.is_discrete:
        raise Unsupported(f"Rows must have levels to be coded exactly, got {model.space}. Read the data as levels.")
    if order is not None and model.likelihood is Likelihood.EXACT:
        return _in_order(order)
    if layers is not None and layers.space == model.space:
        return BitsBack(layers)
    lattice = exact.ability(Lattice)
    if lattice is not None and lattice.space == model.space:
        return Whole(lattice)
    raise Unsupported(
        "A model must have conditionals over an order, whole numbers that it makes of rows, or latents in layers of "
        f"Gaussians to code rows, got {type(model).__name__}. Train pixelcnn, gpt, made, idf, vae or ladder_vae."
    )


def _lossy(exact: GenerativeModel, width: float | None) -> Road:
    """A way by codes or latents."""
    if isinstance(exact, LatentModel) and exact.autoencoder.latent.is_discrete:
        order = exact.prior.ability(Sequential)
        if order is not None:
            return Codes(_in_order(order), exact.encode, exact.decode)
    layers = exact.ability(Layers)
    if layers is not None and layers.space == exact.space:
        return Latents(layers, exact.decode, 0.5 if width is None else width)
    raise Unsupported(
        f"A model must have codes with a prior, or latents in layers of Gaussians, to keep less than its rows, got "
        f"{type(exact).__name__}. Train vq_vae, vae or ladder_vae."
    )


def _in_order(order: Sequential) -> Order:
    space = order.space
    return Order(order, lambda x: flattened(x, space), lambda symbols: unflattened(symbols, space))


def compress(
    run: Run,
    paths: Sequence[Path],
    out: Path,
    *,
    words: Mapping[str, Any] | None = None,
    lossy: bool = False,
    width: float | None = None,
    check: bool = True,
) -> Report:
    """Files of a run's own kind as one file of bytes.

    Args:
        run: The run.
        paths: Files, or folders of them.
        out: The file of bytes; it gets its name when it is whole.
        words: The condition.
        lossy: Whether to keep no more than codes.
        width: Between two points of the grid of latents; the wider, the fewer bytes.
        check: Whether to unpack it again and compare, before it is done.

    Raises:
        Mistake: If a file is of another kind, or the run cannot code it.
    """
    began, road = time.perf_counter(), _road(run, lossy=lossy, width=width)
    files = files_in(paths, run.codec)
    members = members_of(run, files, is_exact=road.is_exact)
    words = dict(words or {})
    _check_condition(run, words)
    header = _header(run, road, members, words, width if lossy else None)
    with store.whole(out) as draft:
        with draft.open("wb") as file:
            writer, totals = Writer(file, header), np.zeros(3)
            for part, priced in _packed(run, road, members, words):
                writer.add(part)
                totals += priced
            writer.close()
        if check and road.is_exact:
            _compare(run, draft, members)
    return Report(
        len(members), sum(member.size for member in members), sum(member.entries for member in members), writer.length,
        totals[0] / np.log(2), int(totals[1]), int(totals[2]), time.perf_counter() - began, _notes(members, road),
    )  # fmt: skip


def decompress(run: Run, path: Path, folder: Path) -> Report:
    """The files of a compressed file; none of them is there before all are whole.

    Args:
        run: The run that compressed them.
        path: The compressed file.
        folder: Where to; a new folder, or an empty one.

    Raises:
        Mistake: If the file is none, was changed or cut short, or is another model's.
    """
    began = time.perf_counter()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Mistake(f"Files are unpacked into a new folder, got {str(folder)!r}, which holds some.", "Name another.")
    is_whole = told(path.name, "be a whole compressed file", "Fetch it again.", Mistake)
    with _emptied(folder) as draft, is_whole, open_plain(path) as file:
        reader = Reader(file)
        before, expected = int(reader.header["size"]), reader.header["check"]
        road, members = _read(run, reader)
        entries = [0]
        check = write_members(run, members, _counted(run, _unpacked(run, road, reader, members), entries), draft)
    size = path.stat().st_size
    notes = [] if check == expected else [UNLIKE]
    return Report(len(members), before, entries[0], size, seconds=time.perf_counter() - began, notes=notes)


@contextlib.contextmanager
def _emptied(folder: Path) -> Iterator[Path]:
    """Another folder to write into, which gets the name of a folder, if that is empty, when all is written."""
    draft = folder.with_name(f".{folder.name}.draft")
    shutil.rmtree(draft, ignore_errors=True)  # of one that was killed
    draft.mkdir(parents=True)
    try:
        yield draft
        if folder.exists():
            folder.rmdir()
        draft.rename(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _road(run: Run, *, lossy: bool, width: float | None) -> Road:
    try:
        return road_of(run.generative, lossy=lossy, width=width)
    except Unsupported as error:
        raise Mistake.of(error) from None


def _check_condition(run: Run, words: Mapping[str, Any]) -> None:
    """Refuses a run that has to be told what nobody said."""
    model = run.generative
    if model.given_space and not model.takes_null() and not words:
        names = ", ".join(model.given_space)
        raise Mistake(f"This run must be told its condition, {names}, got none.", "Say it with --given.")
    conditions(model, run.config.data, words, 1, run.given_codecs)


def _header(
    run: Run, road: Road, members: Sequence[Member], words: Mapping[str, Any], width: float | None
) -> dict[str, Any]:
    return {
        "genzoo": genzoo.__version__,
        "model": model_hash(run),
        "recipe": run.config.recipe.name,
        "data": run.data_name,
        "road": road.name,
        "width": width,
        "arithmetic": ARITHMETIC,
        "given": dict(words),
        "size": sum(member.size for member in members),
        "check": check_of(members),
        "files": told_of(members),
    }


def _packed(
    run: Run, road: Road, members: Sequence[Member], words: Mapping[str, Any]
) -> Iterator[tuple[Part, np.ndarray]]:
    """Parts with what they should cost: nats, bits written, symbols without mass."""
    first = 0
    with torch.no_grad():
        for rows, lengths in _portions(road, chain.from_iterable(member.rows(run) for member in members)):
            given = _given(run, words, first, len(rows))
            first += len(rows)
            if lengths is None:
                packed = road.pack(rows, given)
            else:
                assert isinstance(road, Order)
                packed = road.pack_symbols(rows, lengths, given)
            part = Part(packed.words, packed.doubts, _check_of(rows, lengths) if road.is_exact else 0)
            yield part, np.array([packed.nats, 8 * (len(packed.words) + len(packed.doubts)), packed.charged])


def _portions(road: Road, parts: Iterator[Rows]) -> Iterator[Rows]:
    """Rows as many at a time as are packed together, whatever files they come from; long texts each by itself."""
    held: list[Tensor] = []
    for rows, lengths in parts:
        if lengths is not None:
            yield rows, lengths
            continue
        held.append(rows)
        if sum(map(len, held)) >= road.rows:
            *whole, rest = torch.cat(held).split(road.rows)
            if len(rest) == road.rows:
                whole, rest = [*whole, rest], rest[:0]
            yield from ((part, None) for part in whole)
            held = [rest]
    if sum(map(len, held)):
        yield torch.cat(held), None


def _given(run: Run, words: Mapping[str, Any], first: int, n: int) -> Given:
    model = run.generative
    told_ = conditions(model, run.config.data, words, first + n, run.given_codecs, range(first, first + n))
    return model.checked_given(told_, n)


def _check_of(rows: Tensor, lengths: np.ndarray | None) -> int:
    """The CRC-32 of rows, those that end early up to their ends."""
    array = rows.cpu().numpy()
    if lengths is None:
        return zlib.crc32(np.ascontiguousarray(array).tobytes())
    return zlib.crc32(
        b"".join(row[:length].astype("<i4").tobytes() for row, length in zip(array, lengths, strict=True))
    )


def _read(run: Run, reader: Reader) -> tuple[Road, list[Member]]:
    """How to unpack a file, if this run and this version can.

    Raises:
        Mistake: If they cannot.
    """
    header = reader.header
    if header["model"] != model_hash(run):
        raise Mistake(
            f"The file must be unpacked by the model that packed it, {header['recipe']} on {header['data']} "
            f"({header['model'][:8]}), got {run.config.recipe.name} on {run.data_name} ({model_hash(run)[:8]}).",
            "Name the run that packed it.",
        )
    if header["arithmetic"] != ARITHMETIC:
        raise Mistake(
            f"The file must be of the arithmetic {ARITHMETIC}, got {header['arithmetic']}.",
            f"Unpack it by genzoo {header['genzoo']}.",
        )
    lossy = header["road"] in (Codes.name, Latents.name)
    return _road(run, lossy=lossy, width=header["width"]), members_told(header["files"])


def _counted(run: Run, parts: Iterator[Rows], entries: list[int]) -> Iterator[Rows]:
    """Parts as they are; how many entries they have together is added up, padding being none."""
    for rows, lengths in parts:
        entries[0] += int(dims_of(rows, run.generative.space).sum()) if lengths is None else sum(lengths)
        yield rows, lengths


def _unpacked(run: Run, road: Road, reader: Reader, members: Sequence[Member]) -> Iterator[Rows]:
    """The rows of a file's parts, in turn."""
    words, first = reader.header["given"], 0
    plan = _portions(road, chain.from_iterable(member.blank() for member in members))
    with torch.no_grad():
        for number, part in enumerate(reader.parts()):
            blank, lengths = next(plan, (None, None))
            if blank is None:
                raise Mistake(f"The file must have {number} parts, got more.", "Fetch it again.")
            given = _given(run, words, first, len(blank))
            first += len(blank)
            if lengths is None:
                rows = road.unpack(part.words, part.doubts, len(blank), given)
            else:
                assert isinstance(road, Order)
                rows = road.unpack_symbols(part.words, part.doubts, lengths, given)
            if road.is_exact and _check_of(rows, lengths) != part.check:
                raise Mistake(
                    "What is unpacked must be what was packed, got other rows: this machine computes otherwise.",
                    "Unpack it with the versions of torch and constriction that packed it.",
                )
            yield rows, lengths
    if next(plan, None) is not None:
        raise Mistake("The file must hold all its rows, got fewer.", "Fetch it again.")


def _compare(run: Run, path: Path, members: Sequence[Member]) -> None:
    """Unpacks a file that was just packed.

    Raises:
        Mistake: If it does not come back.
    """
    with open_plain(path) as file:
        reader = Reader(file)
        road, _ = _read(run, reader)
        for _ in _unpacked(run, road, reader, members):
            pass


def _notes(members: Sequence[Member], road: Road) -> list[str]:
    if not road.is_exact:
        return ["What comes back is what the codes stand for, not the files as they were."]
    unlike = [member.name for member in members if not member.is_same]
    if not unlike:
        return ["All files come back byte for byte."]
    return [
        f"{len(unlike)} of {len(members)} files come back with the same content and other bytes, as {unlike[0]}: "
        "what their own packing was is not kept."
    ]
