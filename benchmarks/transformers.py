"""GPT beside Hugging Face's transformers: training steps, and symbols generated with a cache.

Both sides have as many blocks, heads and numbers, the same symbols and fused AdamW; theirs is `GPT2LMHeadModel` with
its fused attention and without dropout, ours the recipe's style. The style of GPT-2 is given as well. Both sides
alternate in one process on one thread; the figure is the ratio of CPU time, above 1 where ours is faster. The peer
stands in the extra `oracles`.

Usage: OMP_NUM_THREADS=1 python -m benchmarks.transformers [--small]
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import argparse
import importlib
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor

from benchmarks import record
from genzoo.core import Batch, Noise, Space
from genzoo.models.autoregressive import GPT
from genzoo.nn.transformer import FAST, GPT2, Style

ROUNDS, SYMBOLS, DRAWN = 7, 65, 96


class Size(NamedTuple):
    """A transformer, and the rows of a step."""

    depth: int
    width: int
    heads: int
    places: int
    rows: int

    def __str__(self) -> str:
        return f"{self.depth} × {self.width}"


class Row(NamedTuple):
    """One comparison."""

    name: str
    ours: Callable[[], Any]
    peer: Callable[[], Any]
    target: float | None


BABY, TINY = Size(6, 384, 6, 256, 4), Size(4, 128, 4, 128, 8)


def ours(size: Size, style: Style = FAST) -> GPT:
    """Our model, as the recipe makes it."""
    torch.manual_seed(0)
    space = Space((size.places,), levels=SYMBOLS)
    return GPT(space, width=size.width, depth=size.depth, heads=size.heads, style=style)


def theirs(size: Size) -> Any:
    """Their model of the same size."""
    peer = importlib.import_module("transformers")
    torch.manual_seed(0)
    config = peer.GPT2Config(
        vocab_size=SYMBOLS + 1,
        n_positions=size.places,
        n_embd=size.width,
        n_layer=size.depth,
        n_head=size.heads,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        bos_token_id=SYMBOLS,
        eos_token_id=None,
        pad_token_id=SYMBOLS,
        attn_implementation="sdpa",
    )
    return peer.GPT2LMHeadModel(config)


def step_of(model: torch.nn.Module, loss: Callable[[], Tensor], *, half: bool) -> Callable[[], None]:
    """One step of training."""
    optimizer = torch.optim.AdamW(model.train().parameters(), lr=1e-4, fused=True)

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            found = loss()
        found.backward()
        optimizer.step()

    return step


def training(size: Size, targets: tuple[float, float]) -> Iterator[Row]:
    """Steps in float32 and bfloat16, beside theirs in float32; their own in bfloat16 is given, too."""
    x = torch.randint(0, SYMBOLS, (size.rows, size.places), generator=torch.Generator().manual_seed(0))
    peer = theirs(size)

    def their_loss() -> Tensor:
        found: Tensor = peer(input_ids=x, labels=x).loss
        return found

    plain, halved = (step_of(peer, their_loss, half=half) for half in (False, True))
    for name, style in (("", FAST), (", style gpt2", GPT2)):
        model = ours(size, style)

        def loss(model: GPT = model) -> Tensor:
            return model.loss(Batch(x.to(torch.uint8), {}, Noise(0)))

        single, double = (step_of(model, loss, half=half) for half in (False, True))
        wanted = targets if style is FAST else (None, None)
        yield Row(f"step {size}{name}, float32", single, plain, wanted[0])
        yield Row(f"step {size}{name}, bf16 : theirs float32", double, plain, wanted[1])
        yield Row(f"step {size}{name}, bf16 : theirs bf16", double, halved, None)


def generation(size: Size) -> Iterator[Row]:
    """Symbols drawn one after another, with a cache on both sides."""
    peer = theirs(size).eval()
    for rows, target in ((1, 1.5), (16, 1.5)):
        start = torch.full((rows, 1), SYMBOLS)

        def their(start: Tensor = start) -> None:
            with torch.no_grad():
                peer.generate(
                    start, attention_mask=torch.ones_like(start), max_new_tokens=DRAWN, do_sample=True, top_k=0
                )

        model = ours(size._replace(places=DRAWN)).eval()
        for name, way in (("", {}), (", int8", {"int8": True})):
            if way and not model.options("draw") & way.keys():
                continue

            def our(rows: int = rows, model: GPT = model, way: dict[str, Any] = way) -> None:
                model.sample(rows, seed=0, **way)

            wanted = (None if rows == 1 else 2.0) if way else target
            yield Row(f"generate {size}, {rows} rows{name}", our, their, wanted)


def measured(row: Row, rounds: int) -> dict[str, float | None]:
    """Both sides in turn; their best and their ratios."""
    times = []
    for k in range(rounds + 1):
        clock = [time.process_time()]
        for run in (row.ours, row.peer):
            run()
            clock.append(time.process_time())
        if k:  # the first is warm-up
            times.append((clock[1] - clock[0], clock[2] - clock[1]))
    mine, peer = (1e3 * min(side) for side in zip(*times, strict=True))
    ratios = sorted(b / a for a, b in times)
    ratio, goal = peer / mine, f" (target {row.target})" if row.target else ""
    spread = f"{ratios[0]:.2f} … {ratios[-1]:.2f}"
    print(f"{row.name:44} {mine:9.1f} ms, theirs {peer:9.1f} ms: {ratio:.2f} × [{spread}]{goal}")
    return {
        "ours_ms": round(mine, 2),
        "peer_ms": round(peer, 2),
        "ratio_of_best": round(ratio, 3),
        "ratio_median": round(statistics.median(ratios), 3),
        "ratio_lowest": round(ratios[0], 3),
        "ratio_highest": round(ratios[-1], 3),
        "target": row.target,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--small", action="store_true", help="one round of tiny sizes, nothing recorded: does it run?")
    small = parser.parse_args().small
    torch.set_num_threads(1)
    try:
        version = importlib.import_module("transformers").__version__
    except ImportError:
        print("The peer is missing, so nothing is measured: install genzoo[oracles].")
        return
    sizes = [(TINY, (1.3, 1.9))] if small else [(TINY, (1.3, 1.9)), (BABY, (1.3, 2.2))]
    rows = {}
    for size, targets in sizes:
        for row in (*training(size, targets), *generation(size)):
            rows[row.name] = measured(row, 1 if small else ROUNDS)
    if not small:
        print("written to", record.write("transformers", {"transformers": version, "rounds": ROUNDS, "rows": rows}))


if __name__ == "__main__":
    main()
