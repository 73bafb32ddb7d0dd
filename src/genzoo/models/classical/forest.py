"""Several models of the same rows at even odds, each of which sees columns cut at other places.

$$ p(x) = \\frac{1}{T} \\sum_t p_t(x). $$

A model of pieces has steps where its pieces end, and trees of hidden states that are fitted apart are wrong at
different places: the mean of their densities is smoother and, by Jensen's inequality, likelier than they are on
average,

$$ \\log p(x) \\ge \\frac{1}{T} \\sum_t \\log p_t(x), $$

with the more gained, the more they differ. It is one more sum of a circuit: marginals, conditionals and masses of
boxes stay exact. Given what is known of a row each member counts by how likely it found that.
"""

import math
from collections.abc import Iterable, Sequence

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from genzoo.core.game import Batch, DirectFit, Done, Metrics
from genzoo.core.noise import Noise
from genzoo.distributions.region import Region
from genzoo.models.any_entries import AnyEntries
from genzoo.models.pieced import Pieced

__all__ = ["Forest"]


class Forest(AnyEntries, DirectFit):
    """The mean of models of pieces, each fitted to all rows by itself.

    Args:
        members: The models, of one space and condition.

    Raises:
        ValueError: If there are none, or their spaces differ.

    Example:
        >>> from genzoo.core import Column, Space
        >>> from genzoo.models.classical import LatentTree
        >>> space = Space((2,), columns=(Column("integer"), Column("categorical", 2)))
        >>> model = Forest([LatentTree(space, states=2, each=1, bins=bins) for bins in (8, 12)])
        >>> data = Batch(torch.tensor([[30.0, 0.0], [31.0, 0.0], [70.0, 1.0], [71.0, 1.0]]).double())
        >>> model.prepare([data])
        >>> for _ in range(3):
        ...     model.begin(); model.accumulate(data); metrics = model.finish()
        >>> model.sample(3, seed=0).shape
        torch.Size([3, 2])

    References:
        Meilă & Jordan, 2000, "Learning with mixtures of trees"
        Breiman, 1996, "Bagging predictors"
        Correia, Peharz & de Campos, 2020, "Joints in random forests", arXiv:2006.14937
    """

    done: Tensor

    def __init__(self, members: Sequence[Pieced]) -> None:
        if len({(each.space, tuple(each.given_space.items())) for each in members}) != 1:
            raise ValueError(
                f"A forest needs members of one space and condition, got {[str(each.space) for each in members]}. "
                "Build them alike."
            )
        super().__init__(members[0].space, members[0].given_space)
        self.members = nn.ModuleList(members)
        self.block = members[0].block
        self.register_buffer("done", torch.zeros(len(members), dtype=torch.bool))

    def log_chance(self, rows: Float[Tensor, "B D"], region: Region) -> Float[Tensor, " B"]:
        return self._chances(rows, region).logsumexp(1) - math.log(len(self.members))

    def completed(self, rows: Float[Tensor, "B D"], region: Region, noise: Noise) -> Shaped[Tensor, "B *event"]:
        alike = region == {} and bool(rows.isnan().all())
        odds = rows.new_zeros(len(rows), len(self.members)) if alike else self._chances(rows, region)
        which = noise.at("member").categorical(odds).to(rows.device)
        found = rows.new_empty(len(rows), *self.space.shape, dtype=getattr(torch, self.space.dtype))
        for t, member in enumerate(self._parts()):
            if len(own := (which == t).nonzero().squeeze(1)):
                found[own] = member.completed(rows[own], region, noise.at(t).rows(own))
        return found

    def prepare(self, batches: Iterable[Batch]) -> None:
        """Finds the pieces of each member in the same first rows, and starts it from them."""
        rows, noise = self.first_rows(batches, max(each.rows for each in self._parts()))
        for t, member in enumerate(self._parts()):
            member.start_from(rows[: member.rows], noise.at(t))
        self.done.fill_(False)

    def begin(self) -> None:
        for member in self._active():
            member.begin()

    def accumulate(self, batch: Batch) -> None:
        for member in self._active():
            member.accumulate(batch)

    def statistics(self) -> list[Tensor]:
        return [tensor for member in self._active() for tensor in member.statistics()]

    def finish(self) -> Metrics:
        """The M-step of all that have not converged; the loss is the members' on average, which is no less than that
        of all together."""
        ended = [member.finish() if not bool(self.done[t]) else None for t, member in enumerate(self._parts())]
        self.done |= torch.tensor([metrics is None or isinstance(metrics, Done) for metrics in ended]).to(self.done)
        losses = [-member.reached[0].item() for member in self._parts()]
        return (Done if bool(self.done.all()) else dict)(loss=sum(losses) / len(losses))

    @property
    def parameter_count(self) -> int:
        """The number of free parameters of all members."""
        return sum(each.parameter_count for each in self._parts())

    def extra_repr(self) -> str:
        return f"{len(self.members)} members"

    def _parts(self) -> list[Pieced]:
        return [each for each in self.members if isinstance(each, Pieced)]

    def _active(self) -> list[Pieced]:
        """The members that have not converged."""
        return [each for t, each in enumerate(self._parts()) if not bool(self.done[t])]

    def _chances(self, rows: Float[Tensor, "B D"], region: Region) -> Float[Tensor, "B T"]:
        return torch.stack([each.log_chance(rows, region) for each in self._parts()], 1)
