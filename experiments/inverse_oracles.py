"""How far posteriors of diffusions are from the true ones, with a denoiser that makes no errors.

    python -m experiments.inverse_oracles [--questions 3] [--n 1000]

In eight dimensions, of one Gaussian and of five separated modes, three random measurements with σ = 0.3. Told are the
sliced W₂ distance to draws in closed form over that of other such draws (the mean of three), the spread over that of
exact draws, and seconds of the processor for all questions; `closed` itself is beside them. The record goes to
experiments/records/inverse_oracles.json.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

from genzoo.tasks.inverse import solve
from tests.tasks.inverse.oracle import away, mixture_of, question

RECORD = Path(__file__).parent / "records" / "inverse_oracles.json"
WAYS: dict[str, tuple[str, dict[str, Any]]] = {
    "dps": ("dps", {"steps": 200}),
    "pigdm": ("pigdm", {"steps": 200}),
    "mmps": ("mmps", {"steps": 200}),
    "mmps, 50 steps": ("mmps", {"steps": 50}),
    "importance": ("importance", {"draws": 100_000}),
    "twisted, 4 particles": ("twisted", {"steps": 200, "particles": 4, "allow_collapse": True}),
    "twisted, 16 particles": ("twisted", {"steps": 200, "particles": 16}),
    "twisted, one island": ("twisted", {"steps": 200, "particles": 1000, "islands": 1}),
}


def measured(modes: int, questions: int, n: int) -> dict[str, dict[str, float]]:
    """What each way reaches."""
    model, found = mixture_of(modes), {name: {"distance": 0.0, "spread": 0.0, "seconds": 0.0} for name in WAYS}
    for which in range(1, questions + 1):
        seen = question(model, seed=which)
        exact = solve(model, seen, n=n, seed=3, method="closed")
        floor = sum(away(solve(model, seen, n=n, seed=4 + k, method="closed"), exact) for k in range(3)) / 3
        whole = exact.x[:, 0].var(0).sum().item()
        for name, (method, options) in WAYS.items():
            start = time.process_time()
            draws = solve(model, seen, n=n, seed=9, method=method, **options)
            told = {
                "distance": away(draws, exact) / floor,
                "spread": draws.x[:, 0].var(0).sum().item() / whole,
                "seconds": (time.process_time() - start) * questions,
            }
            for what, value in told.items():
                found[name][what] += value / questions
            print(modes, which, name, told, flush=True)
    return found


def main() -> None:
    """Measures, and writes the record."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--questions", type=int, default=3)
    asked.add_argument("--n", type=int, default=1000)
    told = asked.parse_args()
    record = {
        "questions": told.questions,
        "n": told.n,
        "one Gaussian": measured(1, told.questions, told.n),
        "five modes": measured(5, told.questions, told.n),
    }
    RECORD.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
