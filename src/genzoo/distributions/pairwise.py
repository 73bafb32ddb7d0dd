"""Distances between all pairs of rows, a block at a time, so that memory stays bounded."""

from collections.abc import Iterator

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from genzoo.distributions.resampling import require_rows
from genzoo.distributions.samples import Samples, checked_rows

__all__ = ["NearestRows", "nearest", "nearest_others", "neighbor_radii", "squared_distances"]

BLOCK = 1024
GROUP, CACHED = 64, 1 << 22  # distances of which the least is taken at once; those that are kept at a time
WIDE, SHARE, SOME, CANDIDATES, FEW = (
    128,
    0.97,
    5000,
    16,
    64,
)  # of `NearestRows`, where few axes have most of the variance
TALL = 512  # rows that are worth a reading of all others, however many distances that makes
LOST = 1e4  # times the rounding of a product's terms: below that a difference has lost its digits


def squared_distances(a: Samples, b: Samples) -> Float[Tensor, "n m"]:
    """All squared distances between the rows of two sets, by one matrix product,

    $$ \\|a_i - b_j\\|^2 = \\|a_i\\|^2 + \\|b_j\\|^2 - 2\\, a_i^\\top b_j. $$

    The difference cancels between rows that are near each other and far from the origin: those pairs are computed
    anew from the difference of the rows, so that copies are at distance zero.

    Args:
        a: One set.
        b: The other.

    Raises:
        ValueError: If rows differ in length.
        TooFew: If a set is empty.
        NotFinite: If a number is NaN or infinite.

    Example:
        >>> squared_distances(torch.zeros(1, 2), torch.tensor([[3.0, 4.0], [0.0, 1.0]]))
        tensor([[25.,  1.]])
        >>> squared_distances(torch.tensor([[1e6], [1e6 + 1]]), torch.tensor([[1e6]]))
        tensor([[0.],
                [1.]])
    """
    if torch.compiler.is_exporting():  # a graph looks at no values
        return (torch.as_tensor(a)[:, None] - torch.as_tensor(b)).square().sum(2)
    x, y = checked_rows(a, b, what="A squared distance")
    return products(x, y)


def products(a: Float[Tensor, "n D"], b: Float[Tensor, "m D"]) -> Float[Tensor, "n m"]:
    """The same of rows that were checked before.

    Args:
        a: One set.
        b: The other.
    """
    if not len(a) or not len(b):
        return a.new_zeros(len(a), len(b))
    own, other = a.square().sum(1, keepdim=True), b.square().sum(1)
    found = torch.addmm(other.expand(len(a), -1), a, b.T, alpha=-2).add_(own)
    slack = LOST * torch.finfo(a.dtype).eps
    if found.min() < slack * (own.max() + other.max()):
        lost = found < slack * (own + other)
        rows, columns = lost.nonzero(as_tuple=True)
        if 4 * len(rows) > found.numel():
            return torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist").square_()
        for i, j in zip(rows.split(BLOCK), columns.split(BLOCK), strict=True):
            found[i, j] = (a[i] - b[j]).square().sum(1)
    return found


def neighbor_radii(x: Samples, k: int, *, block: int = BLOCK) -> Float[Tensor, " n"]:
    """The squared distance of each row to its k-th nearest other row.

    Args:
        x: The rows.
        k: Which neighbor, from 1.
        block: Rows at a time; a pair of blocks serves both its sides.

    Raises:
        TooFew: If there are no more than k rows.
        NotFinite: If a number is NaN or infinite.

    Example:
        >>> neighbor_radii(torch.tensor([[0.0], [1.0], [3.0]]), 1)
        tensor([1., 1., 4.])
    """
    (rows,) = checked_rows(x, what="A distance to neighbors")
    return nearest_others(rows, k, block=block)[:, -1]


def nearest_others(x: Float[Tensor, "n D"], k: int, *, block: int = BLOCK) -> Float[Tensor, "n k"]:
    """The squared distances of each row to its k nearest other rows, in ascending order.

    Args:
        x: The rows.
        k: How many neighbors.
        block: Rows at a time.

    Raises:
        TooFew: If there are no more than k rows.

    Example:
        >>> nearest_others(torch.tensor([[0.0], [1.0], [3.0]]), 2)
        tensor([[1., 9.],
                [1., 4.],
                [4., 9.]])
    """
    require_rows(len(x), k + 1, f"A distance to {k} neighbors")
    near: list[list[Tensor]] = [[] for _ in range(0, len(x), block)]
    for i, j, a, b in _upper(x, block):
        distances = products(a, b)
        if i == j:
            distances.fill_diagonal_(torch.inf)
        near[i].append(_smallest(distances, k))
        if i != j:
            near[j].append(_smallest(distances.T.contiguous(), k))
    return torch.cat([_smallest(torch.cat(parts, dim=1), k).sort(1).values for parts in near])


class NearestRows:
    """The nearest of some rows, which are made ready once.

    $$ \\|x - a_j\\|^2 - \\|x\\|^2 = (x, 1)^\\top (-2 a_j, \\|a_j\\|^2), $$

    so one matrix product ranks them, into memory that is used again. Where most of the variance of wide rows lies
    along few axes, as in pictures, the product is of these alone, with what is left of each, t, as one more entry:

    $$ \\|x - a\\|^2 \\ge \\|x_h - a_h\\|^2 + (t_x - t_a)^2. $$

    By these bounds some candidates are chosen and measured; a row whose k-th is farther than the bound of the last is
    held against all. What is found is computed anew from differences, so that copies are at distance zero.

    Args:
        among: Where to look.

    Example:
        >>> NearestRows(torch.tensor([[0.0], [3.0], [9.0]]))(torch.tensor([[1.0]]), 2)
        (tensor([[1., 4.]]), tensor([[0, 1]]))
    """

    def __init__(self, among: Float[Tensor, "m D"]) -> None:
        require_rows(len(among), 1, "The nearest of rows")
        self.center = among.mean(0)  # near the origin fewer digits are lost
        self.rows = among - self.center
        self.norms = self.rows.square().sum(1)
        self.axes = _leading(self.rows)
        m, seen = len(among), self._seen(self.rows, self.norms)
        width = seen.shape[1]
        self.right = among.new_zeros(m + -m % GROUP, width + 1)  # whole groups, the last rows of which are far away
        torch.mul(seen, -2, out=self.right[:m, :width])
        self.right[:, -1] = torch.inf
        self.right[:m, -1] = self.norms

    def __call__(self, x: Float[Tensor, "n D"], k: int) -> tuple[Float[Tensor, "n k"], Int[Tensor, "n k"]]:
        """The squared distances to the k nearest in ascending order, and which these are.

        Args:
            x: The rows.
            k: How many.

        Raises:
            TooFew: If there are fewer than k.
        """
        require_rows(len(self.rows), k, f"A distance to {k} neighbors")
        away, m = x - self.center, len(self.right)
        at_once = max(16, CACHED // m, min(TALL, x.shape[1]))  # all of `right` is read for each part
        room, found = away.new_empty(min(at_once, max(1, len(x))), m), []
        for part in away.split(at_once):
            norms = part.square().sum(1)
            left = nn.functional.pad(self._seen(part, norms), (0, 1), value=1.0)
            low = torch.mm(left, self.right.T, out=room[: len(part)])
            index = _least(low, k) if self.axes is None else self._chosen(part, low, k)
            squared = (part[:, None] - self.rows[index]).square_().sum(2)
            order = squared.argsort(1)
            found.append((squared.gather(1, order), index.gather(1, order)))
        distances, places = zip(*found, strict=True)
        return torch.cat(distances), torch.cat(places)

    def _seen(self, rows: Float[Tensor, "n D"], norms: Float[Tensor, " n"]) -> Float[Tensor, "n r"]:
        """Rows along the leading axes, and how much is left of each; all of them where there are no such axes."""
        if self.axes is None:
            return rows
        head = rows @ self.axes
        return torch.cat([head, (norms - head.square().sum(1)).clamp_min(0).sqrt()[:, None]], 1)

    def _chosen(self, part: Float[Tensor, "n D"], low: Float[Tensor, "n m"], k: int) -> Int[Tensor, "n k"]:
        """The places of the k nearest by bounds of all distances, each less the norm of its row."""
        candidates = _least(low, min(CANDIDATES * k, len(self.rows)))
        last = low.gather(1, candidates).amax(1)
        away = [
            self.norms[places] - 2 * torch.bmm(self.rows[places], some[:, :, None])[:, :, 0]
            for some, places in zip(part.split(FEW), candidates.split(FEW), strict=True)
        ]
        nearest = torch.cat(away).topk(k, dim=1, largest=False)
        index = candidates.gather(1, nearest.indices)
        open_ = (nearest.values[:, -1] > last).nonzero()[:, 0]
        for rows in open_.split(FEW):
            index[rows] = torch.addmm(self.norms, part[rows], self.rows.T, alpha=-2).topk(k, 1, largest=False).indices
        return index


def _leading(rows: Float[Tensor, "m D"]) -> Float[Tensor, "D r"] | None:
    """The axes along which most of the variance lies; None where these are not few."""
    if rows.shape[1] < WIDE or len(rows) < rows.shape[1]:
        return None
    some = rows[:: max(1, len(rows) // SOME)]
    variance, axes = torch.linalg.eigh(some.T @ some)
    share = variance.flip(0).cumsum(0) / variance.sum()
    r = int((share < SHARE).sum()) + 1
    return axes.flip(1)[:, :r].contiguous() if r < rows.shape[1] // 2 else None


def _least(distances: Float[Tensor, "n m"], k: int) -> Int[Tensor, "n k"]:
    """The places of the k smallest of each row: they lie in the k groups whose smallest is smallest."""
    groups = distances.unflatten(1, (-1, GROUP))
    if groups.shape[1] < 2 * k:
        return distances.topk(k, dim=1, largest=False, sorted=False).indices
    chosen = groups.amin(2).topk(k, dim=1, largest=False, sorted=False).indices
    inside = groups[torch.arange(len(groups), device=chosen.device)[:, None], chosen].flatten(1)
    place = inside.topk(k, dim=1, largest=False, sorted=False).indices
    return chosen.gather(1, place // GROUP) * GROUP + place % GROUP


def nearest(x: Samples, among: Samples, *, block: int = BLOCK) -> tuple[Float[Tensor, " n"], Int[Tensor, " n"]]:
    """The distance of each row to its nearest row of another set, and which that is.

    The search is one of matrix products; the distance found is computed anew from the difference, so that a copy is at
    distance zero.

    Args:
        x: The rows.
        among: Where to look.
        block: Rows at a time on both sides.

    Raises:
        ValueError: If rows differ in length.
        TooFew: If a set is empty.
        NotFinite: If a number is NaN or infinite.

    Example:
        >>> nearest(torch.tensor([[0.9]]), torch.tensor([[0.0], [1.0]]))
        (tensor([0.1000]), tensor([1]))
    """
    rows, others = checked_rows(x, among, what="A distance to the nearest row")
    center, found = others.mean(0), []
    for part in rows.split(block):
        least = torch.full((len(part),), torch.inf).to(part)
        index = torch.zeros(len(part), dtype=torch.int64, device=part.device)
        for start in range(0, len(others), block):
            value, place = products(part - center, others[start : start + block] - center).min(1)
            index = torch.where(value < least, place + start, index)
            least = torch.minimum(value, least)
        found.append(index)
    index = torch.cat(found)
    steps = range(0, len(rows), block)
    parts = [(rows[i : i + block] - others[index[i : i + block]]).square().sum(1).sqrt() for i in steps]
    return torch.cat(parts), index


def _upper(x: Tensor, block: int) -> Iterator[tuple[int, int, Tensor, Tensor]]:
    """The pairs of blocks on and above the diagonal."""
    parts = x.split(block)
    for i, a in enumerate(parts):
        for j in range(i, len(parts)):
            yield i, j, a, parts[j]


def _smallest(distances: Tensor, k: int) -> Tensor:
    """The k smallest of each row, or all where there are fewer."""
    return distances.topk(min(k, distances.shape[1]), dim=1, largest=False, sorted=False).values
