"""How far a row is: from rows that are known, from what a code of it says, from the middle of the latents.

References:
    Ramaswamy, Rastogi & Shim, 2000, "Efficient algorithms for mining outliers from large data sets" (neighbors)
    Breunig, Kriegel, Ng & Sander, 2000, "LOF: identifying density-based local outliers" (distances beside those of the
        neighbors; here without its reachability, as in Schubert, Zimek & Kriegel, 2014)
    Livernoche et al., 2024, "On diffusion modeling for anomaly detection", arXiv:2305.18593 (the posterior mean of a
        diffusion's time ranks rows as the mean distance to neighbors does)
"""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from genzoo.core.abilities import Denoiser, Latent
from genzoo.core.model import GenerativeModel
from genzoo.core.space import Space
from genzoo.distributions.pairwise import NearestRows
from genzoo.tasks.outliers.statistic import Drawn, Setting, Statistic, gathered, part_of

__all__ = ["LatentNorm", "Nearest", "Neighborhood", "Neighbors", "Reconstruction", "Units"]

K = 5
CROWD, CROWDED, LOCAL = 20, 20_000, 0.01  # whose distances are compared, among how many, the largest part of all
LEAST_APART = 0.1  # of the mean distance
DRAWS = 5000  # samples that stand for rows where none are known
KNOWN = 50_000  # rows among which neighbors are looked for, at most
CODES = 2000  # rows that say how entries are spread


class Units:
    """Rows as numbers that one may take distances of: reals in standard deviations, levels of pictures in [0, 1], and
    a place of its own for each word.

    Args:
        space: What one row is.
        x: Rows that say what is usual.

    Example:
        >>> from genzoo.core import Column
        >>> space = Space((2,), columns=(Column("real"), Column("categorical", 3)))
        >>> units = Units(space, torch.tensor([[0.0, 1], [2.0, 2]]))
        >>> units(torch.tensor([[1.0, 2]]))
        tensor([[0.0000, 0.0000, 0.0000, 0.7071]])
    """

    def __init__(self, space: Space, x: Tensor) -> None:
        self.space = space
        columns = space.columns or ()
        self.words = [i for i, column in enumerate(columns) if column.kind == "categorical"]
        rows = self._numbers(x)
        there = torch.where(rows.isnan(), rows.nanmean(0), rows)
        is_picture = space.levels is not None
        self.center = torch.zeros_like(there[0]) if is_picture else there.mean(0)
        spread = there.std(0, unbiased=False)
        self.scale = (
            torch.full_like(spread, space.levels - 1.0) if space.levels else spread.masked_fill(spread == 0, 1)
        )

    @staticmethod
    def why_not(setting: Setting) -> str:
        """Why there are no distances."""
        model, space = setting.model, setting.model.space
        if space.ragged or (space.levels is not None and len(space.shape) != 3):
            return "distances are of numbers, tables and pictures"
        if setting.known is not None:
            return ""
        if not model.can("sample"):
            return "no known rows are at hand, and it does not sample"
        told = bool(model.given_space) and not model.takes_null()
        return "no known rows are at hand, and samples must be told their conditions" if told else ""

    @classmethod
    def usual(cls, setting: Setting, most: int) -> Tensor:
        """Rows that say what is usual: some that the model learned from, else samples."""
        known, model = setting.known, setting.model
        if known is None:
            return model.sample(min(most, DRAWS), seed=setting.seed)
        index = torch.linspace(0, len(known) - 1, min(most, len(known))).round().long()
        return gathered(part_of(known, index), 0, len(index))[0].to(model.device)

    def __call__(self, x: Tensor) -> Float[Tensor, "B E"]:
        found = (self._numbers(x) - self.center) / self.scale
        found = found.nan_to_num(0.0, posinf=1e6, neginf=-1e6)  # what is missing is taken for the middle
        parts = [found[:, [i for i in range(found.shape[1]) if i not in self.words]]] if self.words else [found]
        for i in self.words:
            levels = (self.space.columns or ())[i].levels or 1
            places = torch.arange(levels, device=x.device)
            parts.append((x[:, i, None] == places).float() / 2**0.5)
        return torch.cat(parts, 1)

    @staticmethod
    def _numbers(x: Tensor) -> Tensor:
        return x.flatten(1).to(torch.float64 if x.dtype == torch.float64 else torch.float32)


class Nearest:
    """The squared distances to the nearest of the rows that the model learned from, else of its samples.

    Args:
        setting: The model, and rows that it learned from.
        most: Of these.

    Attributes:
        dims: Numbers in a row.
    """

    def __init__(self, setting: Setting, most: int = KNOWN) -> None:
        x = Units.usual(setting, most)
        self.units = Units(setting.model.space, x)
        among = self.units(x)
        self.search, self.dims = NearestRows(among), among.shape[1]

    def __len__(self) -> int:
        return len(self.search.rows)

    def __call__(self, x: Tensor) -> Float[Tensor, "B k"]:
        """To the five nearest."""
        return self.find(x, min(K, len(self)))[0]

    def find(self, x: Tensor, k: int) -> tuple[Float[Tensor, "B k"], Int[Tensor, "B k"]]:
        """To the k nearest, and which these are; a word that is missing is no farther from one than from another."""
        squared, places = self.search(self.units(x), k)
        lacking = x[:, self.units.words].isnan().sum(1, keepdim=True) if self.units.words else 0
        return (squared - lacking / 2).clamp_min(0), places


class Neighbors(Statistic):
    """log of the mean distance to the five nearest of the rows that the model learned from, else of its samples."""

    name = "neighbors"

    def why_not(self, setting: Setting) -> str:
        return Units.why_not(setting)

    def repeats(self, setting: Setting) -> bool:
        return True

    def number(self, setting: Setting) -> Callable[[Drawn], Tensor]:
        nearest = Nearest(setting)
        return lambda rows: nearest(rows.x).sqrt().mean(1).double().clamp_min(1e-9).log()


class Neighborhood(Neighbors):
    """The same, and how much farther a row is from its twenty nearest than these are from theirs, as a logarithm; of
    fewer than 2,000 rows that are known twenty are no neighborhood, but a part of all, and the first stands alone."""

    name = "neighborhood"

    def repeats(self, setting: Setting) -> bool:
        return False

    def number(self, setting: Setting) -> Callable[[Drawn], Tensor]:
        alone, nearest = super().number(setting), Nearest(setting, CROWDED)
        k, search = CROWD, nearest.search
        if len(nearest) * LOCAL < k:
            return alone
        own = search(search.rows + search.center, k + 1)[0][:, 1:].sqrt().mean(1)  # the first is the row itself
        least = max(float(own.mean()) * LEAST_APART, 1e-9)
        crowding = own.clamp_min(least).log()

        def number(rows: Drawn) -> Tensor:
            squared, places = nearest.find(rows.x, k)
            apart = squared.sqrt().mean(1).clamp_min(least).log() - crowding[places].mean(1)
            return torch.stack([alone(rows), apart.double()], 1)

        return number


class Reconstruction(Statistic):
    """log of the mean squared difference between a row and what its code is decoded to."""

    name = "reconstruction"

    def why_not(self, setting: Setting) -> str:
        model = setting.model
        if not (model.can("encode") and model.can("decode")):
            return "it does not code rows"
        if _keeps_all(model):
            return "its code keeps all of a row"
        return Units.why_not(setting)

    def number(self, setting: Setting) -> Callable[[Drawn], Tensor]:
        model, units = setting.model, Units(setting.model.space, Units.usual(setting, CODES))

        def number(rows: Drawn) -> Tensor:
            given = rows.given or None
            again = model.decode(model.encode(rows.x, given), given)
            return (units(rows.x) - units(again)).square().mean(1).double().clamp_min(1e-12).log()

        return number


class LatentNorm(Statistic):
    """−log p(z) of the code of a row."""

    name = "latent"
    both_ways = True

    def why_not(self, setting: Setting) -> str:
        model = setting.model
        if not model.can("encode") or model.ability(Latent) is None:
            return "it has no code whose law is known"
        return ""

    def repeats(self, setting: Setting) -> bool:
        return setting.model.ability(Denoiser) is not None  # which codes in as many calls as it draws in

    def number(self, setting: Setting) -> Callable[[Drawn], Tensor]:
        model = setting.model
        latent = model.able(Latent)

        def number(rows: Drawn) -> Tensor:
            z = model.encode(rows.x, rows.given or None)
            return -latent.log_prior(z.reshape(len(z), *latent.space.shape), rows.given)

        return number


def _keeps_all(model: GenerativeModel) -> bool:
    """Whether decoding undoes encoding, as a flow's does: its latents are as large as rows."""
    latent = model.ability(Latent)
    return latent is not None and latent.space.dims >= model.space.dims
