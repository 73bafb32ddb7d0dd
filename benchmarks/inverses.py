"""How far rounding takes a row on its way through a bijection and back, in single precision beside double.

    python -m benchmarks.inverses

Every small bijection of the tests, its weights stirred by 0.1: 1,000 rows, as far out as N(0, 1), ten times and a
hundred times as far; those whose support ends keep within it. "x" is the largest |f⁻¹(f(x)) − x|, as it is and as a
share of the largest |x|; "ladj" the largest difference to the determinant in double precision.
"""

import torch

from benchmarks.record import write
from genzoo.core import seeded
from tests.models.flows.cases import CASES, eased, made, rows

ROWS, FAR = 1000, (1, 10, 100)


def figures(name: str, far: int) -> dict[str, float]:
    """What becomes of rows of a bijection so far out."""
    with seeded(0), torch.no_grad():
        bijection, (x, given) = eased(made(name)), rows(name, ROWS, far)
        single, double = ((x.to(dtype), given.to(dtype)) for dtype in (torch.float32, torch.float64))
        z, ladj = bijection(*single)
        off = (bijection.inverse(z, single[1]) - single[0]).abs().max().item()
        exact = bijection.double()(single[0].double(), double[1])
        off_double = (bijection.inverse(exact[0], double[1]) - single[0]).abs().max().item()
    return {
        "x": float(f"{off:.1e}"),
        "x, share": float(f"{off / max(1.0, x.abs().max().item()):.1e}"),
        "x, double": float(f"{off_double:.1e}"),
        "ladj": float(f"{(ladj - exact[1]).abs().max().item():.1e}"),
    }


def main() -> None:
    """Measures every bijection, prints and writes."""
    found = {name: {f"{far}": figures(name, far) for far in FAR} for name in CASES}
    for name, each in found.items():
        print(name, each, flush=True)
    print(write("inverses", {"rows": ROWS, "stir": 0.1, "bijections": found}))


if __name__ == "__main__":
    main()
