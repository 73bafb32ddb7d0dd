"""log p of masked diffusion on all rows of twelve bits: summed over all orders, and between its two bounds.

    python -m experiments.between [--steps 2000] [--paths 64]

The bits are a patch of 3 × 4 pixels of binarized digits, the model a small perceptron. What it says is asked once of
all 3¹² rows in which bits may be hidden; log p follows by sums over all sets of bits that have been told. Beside it
stand the two bounds that `bracket` draws and the bound that `log_prob` does, of each of the 4,096 rows, and their
means weighed by how often the training rows have a row.

References:
    Ivanov et al., 2026, "TUBE: tangent upper bound on evidence", arXiv:2605.24292
"""

import argparse
import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import genzoo
from genzoo.core import Batch, Noise, Space
from genzoo.models.diffusion import MaskedDiffusion, bracket
from genzoo.nn import MLP, Hot, Timed

BITS = 12
SPACE = Space((BITS,), levels=2)
RECORD = Path(__file__).parent / "records" / "between.json"


def trained(x: Tensor, steps: int) -> MaskedDiffusion:
    """A model of rows of twelve bits."""
    torch.manual_seed(0)
    net = Hot(Timed(MLP(3 * BITS, [128, 128], 3 * BITS, given=16), 16), SPACE.shape, symbols=2)
    model = MaskedDiffusion(SPACE, None, net)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    for step in range(steps):
        noise = Noise(0, "train").tick(step)
        rows = x[noise.at("rows").integers(len(x), 256)]
        loss = model.loss(Batch(rows, {}, noise))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model.double().eval()


def every(levels: int) -> Tensor:
    """All rows of twelve symbols, the last symbol running fastest."""
    return torch.cartesian_prod(*[torch.arange(levels)] * BITS)


def summed(model: MaskedDiffusion) -> Tensor:
    """log p of all rows, by sums over what has been told and what comes next."""
    states, place = every(3), 3 ** torch.arange(BITS - 1, -1, -1)
    with torch.no_grad():
        hidden = (states == 2).double().mean(1)
        parts = zip(states.split(40_000), hidden.split(40_000), strict=True)
        said = torch.cat([model.log_p(*each, {}) for each in parts]).exp()
    x = every(2)
    p = torch.ones(
        2**BITS, 2**BITS, dtype=torch.float64
    )  # of the sets that are told, as bits of a number, and of rows
    for told in sorted(range(2**BITS - 1), key=int.bit_count, reverse=True):
        lacking = [d for d in range(BITS) if not told >> d & 1]
        state = (x.index_fill(1, torch.tensor(lacking), 2) * place).sum(1)
        p[told] = sum(said[state, d, x[:, d]] * p[told | 1 << d] for d in lacking) / len(lacking)
    return p[0].log()


def figures_of(model: MaskedDiffusion, share: Tensor, paths: int) -> dict[str, Any]:
    """The bounds beside what they are of."""
    exact, x = summed(model), every(2)
    found = bracket(model, x.to(torch.uint8), paths=paths)
    with torch.no_grad():
        bound = model.log_prob(x.to(torch.uint8), samples=8 * BITS)

    def mean(nats: Tensor) -> float:
        return round((share * nats).sum().item(), 5)

    return {
        "sum of p": round(exact.exp().sum().item(), 10),
        "log p": mean(exact),
        "bound": mean(bound),
        "lower": mean(found.lower),
        "upper": mean(found.upper),
        "error": round((share.square() * found.error.square()).sum().sqrt().item(), 5),
        "rows": len(x),
        "rows within four errors": int(
            ((found.lower - 4 * found.error <= exact) & (exact <= found.upper + 4 * found.error)).sum()
        ),
    }


def main() -> None:
    """Trains, sums, bounds, and keeps the record."""
    asked = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    asked.add_argument("--steps", type=int, default=2000)
    asked.add_argument("--paths", type=int, default=64)
    given = asked.parse_args()
    data = genzoo.read("mnist", binarize="threshold")
    x = data.train.x[:, 0, 12:15, 12:16].flatten(1)
    share = torch.bincount((x.long() * 2 ** torch.arange(BITS - 1, -1, -1)).sum(1), minlength=2**BITS) / len(x)
    model = trained(x, given.steps)
    entropy = torch.special.entr(share).sum().item()
    record = {"steps": given.steps, "paths": given.paths, "entropy of the data": round(entropy, 5)}
    record |= {"data": data.fingerprint, "torch": torch.__version__}
    record |= figures_of(model, share.double(), given.paths)
    RECORD.write_text(json.dumps(record, indent=1) + "\n")
    print(record)


if __name__ == "__main__":
    main()
