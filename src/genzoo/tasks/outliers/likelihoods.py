"""How improbable a row is, alone and beside what makes rows improbable anyway.

Likelihoods of deep models are high on pictures that are simpler than theirs. Two remedies divide that out: by a model
of what all rows have in common, or by the length of a file of the row.

References:
    Nalisnick et al., 2019, "Do deep generative models know what they don't know?", arXiv:1810.09136
    Nalisnick et al., 2019, "Detecting out-of-distribution inputs to deep generative models using typicality",
        arXiv:1906.02994
    Ren et al., 2019, "Likelihood ratios for out-of-distribution detection", arXiv:1906.02845
    Serrà et al., 2020, "Input complexity and out-of-distribution detection with likelihood-based generative models",
        arXiv:1909.11480
"""

import math
import zlib
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from genzoo.core.given import NOTHING
from genzoo.core.model import GenerativeModel
from genzoo.tasks.outliers.statistic import Drawn, Setting, Statistic

__all__ = ["Complexity", "Likelihood", "Ratio"]


class Likelihood(Statistic):
    """−log p(x | given), or the energy where that is all there is."""

    name = "likelihood"
    both_ways = True

    def why_not(self, setting: Setting) -> str:
        return "" if setting.model.can("log_prob") else "it has no likelihood"

    def number(self, setting: Setting) -> Callable[[Drawn], Tensor]:
        return lambda rows: -_own(setting, rows)


class Ratio(Statistic):
    """log p_background(x) − log p(x)."""

    name = "ratio"

    def why_not(self, setting: Setting) -> str:
        if setting.background is None:
            return "a background must be given, a run on rows of which a part was drawn anew"
        if setting.background.space != setting.model.space:
            return f"the background must be of the same space, got {setting.background.space}"
        return "" if setting.model.can("log_prob") and setting.background.can("log_prob") else "it has no likelihood"

    def number(self, setting: Setting) -> Callable[[Drawn], Tensor]:
        background = setting.background
        assert background is not None  # as `why_not` has seen to
        return lambda rows: _log_prob(background, rows, setting.seed) - _own(setting, rows)


class Complexity(Statistic):
    """−log p(x) less the length in nats of the row's smallest file."""

    name = "complexity"
    both_ways = True

    def why_not(self, setting: Setting) -> str:
        levels = setting.model.space.levels
        if levels is None or levels > 256 or setting.model.space.ragged:
            return "files are of levels in a byte"
        return Likelihood().why_not(setting)

    def number(self, setting: Setting) -> Callable[[Drawn], Tensor]:
        return lambda rows: -_own(setting, rows) - file_lengths(rows.x)


def file_lengths(x: Tensor) -> Tensor:
    """Nats of the smallest of some files of each row: deflated as it is, or as differences along its last axis.

    Example:
        >>> flat, mixed = torch.zeros(8, 8).byte(), torch.arange(64).reshape(8, 8).byte() * 37
        >>> a, b = file_lengths(torch.stack([flat, mixed])).tolist()
        >>> a < b
        True
    """
    rows = x.cpu().numpy().astype(np.uint8)
    steps = np.diff(rows, axis=-1, prepend=np.uint8(0))  # modulo 256, as PNG's
    found = [min(len(zlib.compress(part.tobytes(), 9)) for part in pair) for pair in zip(rows, steps, strict=True)]
    return torch.tensor(found, dtype=torch.float64, device=x.device) * (8 * math.log(2))


def _own(setting: Setting, rows: Drawn) -> Tensor:
    return rows.once("log_prob", lambda: _log_prob(setting.model, rows, setting.seed))


def _log_prob(model: GenerativeModel, rows: Drawn, seed: int) -> Tensor:
    given = rows.given if model.given_space else NOTHING
    return model.log_prob(rows.x, given or None, seed=seed, start=rows.start).double()
