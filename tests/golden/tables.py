"""Two tables as sdmetrics scores them: shapes, trends, shares of missing cells, and the report."""

import itertools

import numpy as np
import torch
from torch import Tensor

NUMBERS, WORDS = ("age", "pay", "hours", "flat"), ("kind", "town", "rare")
ROWS = {"samples": 300, "real": 400}
MISSING = -1  # the code of a word that is missing


def tables() -> dict[str, dict[str, np.ndarray]]:
    """Numbers as they are, words as codes; some of both are missing, and one column of numbers goes in steps."""
    made, draw = {}, np.random.default_rng(0)
    for side, n in ROWS.items():
        off = 0.4 if side == "samples" else 0.0
        kind = draw.choice(3, n, p=[0.5 - off / 2, 0.3, 0.2 + off / 2])
        age = 40 + 12 * draw.standard_normal(n) + 4 * kind
        pay = np.exp(3 + 0.02 * age + (0.5 + off) * draw.standard_normal(n))
        hours = np.where(draw.random(n) < 0.1 + off / 4, np.nan, (35 + 5 * draw.standard_normal(n)).round())
        town = np.where(draw.random(n) < 0.2, MISSING, (kind + draw.choice(4, n)) % 5)
        flat = (draw.random(n) < 0.3).astype(float) + off
        made[side] = {"age": age, "pay": pay, "hours": hours, "flat": flat, "kind": kind, "town": town}
        made[side]["rare"] = draw.choice(40, n)
    return made


def table(asked: dict[str, Tensor], side: str) -> dict[str, np.ndarray]:
    """A frozen table: numbers as they are, codes as words, an empty word where one is missing."""
    columns = {name: asked[f"{side}/{name}"].numpy() for name in (*NUMBERS, *WORDS)}
    for name in WORDS:
        columns[name] = np.array([f"w{int(code)}" if code != MISSING else "" for code in columns[name]])
    return columns


def answers() -> dict[str, Tensor]:
    import pandas as pd
    from sdmetrics.column_pairs import ContingencySimilarity, CorrelationSimilarity
    from sdmetrics.reports.single_table import QualityReport
    from sdmetrics.single_column import KSComplement, MissingValueSimilarity, TVComplement

    made, frames = tables(), {}
    for side, columns in made.items():
        words = {name: [None if code == MISSING else f"w{code}" for code in columns[name]] for name in WORDS}
        frames[side] = pd.DataFrame({name: columns[name] for name in NUMBERS} | words)
    real, samples = frames["real"], frames["samples"]
    found = {f"{side}/{name}": values for side, columns in made.items() for name, values in columns.items()}
    for name in (*NUMBERS, *WORDS):
        shape = KSComplement if name in NUMBERS else TVComplement
        found[f"shape/{name}"] = shape.compute(real[name], samples[name])
        found[f"missing/{name}"] = MissingValueSimilarity.compute(real[name], samples[name])
    for pair in itertools.combinations((*NUMBERS, *WORDS), 2):
        cut = [name for name in pair if name in NUMBERS]
        both = real[list(pair)].copy(), samples[list(pair)].copy()
        if len(cut) == 2:
            score = CorrelationSimilarity.compute(*both)
        else:
            score = ContingencySimilarity.compute(*both, continuous_column_names=cut or None)
        found[f"pair/{pair[0]}/{pair[1]}"] = score
    kinds = {name: {"sdtype": "numerical" if name in NUMBERS else "categorical"} for name in (*NUMBERS, *WORDS)}
    report = QualityReport()
    report.generate(real, samples, {"columns": kinds}, verbose=False)
    scores = report.get_properties().set_index("Property")["Score"]
    found["report"] = np.array([report.get_score(), scores["Column Shapes"], scores["Column Pair Trends"]])
    return {name: torch.as_tensor(value, dtype=torch.float64) for name, value in found.items()}
