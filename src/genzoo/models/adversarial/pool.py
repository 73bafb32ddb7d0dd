"""A pool of images that were made before, so that a critic does not forget what it has seen."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from genzoo.core.noise import Noise

__all__ = ["ImagePool"]


class ImagePool(nn.Module):
    """Some images of earlier rounds, as buffers: a critic is shown one of them in place of every other new one.

    Of several processes each keeps its own.

    Args:
        size: How many are kept, at most; 0 for none.
        shape: The shape of one.

    Example:
        >>> pool, new = ImagePool(2, (1,)), torch.tensor([[1.0], [2.0]])
        >>> pool.put(new, Noise(0))
        >>> sorted(set(pool.mixed(torch.zeros(50, 1), Noise(0)).flatten().tolist()))
        [0.0, 1.0, 2.0]

    References:
        Shrivastava et al., 2017, "Learning from simulated and unsupervised images through adversarial training",
        arXiv:1612.07828 (section 2.3)
    """

    images: Tensor
    count: Tensor

    def __init__(self, size: int, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.register_buffer("images", torch.zeros(size, *shape))
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))

    def mixed(self, new: Float[Tensor, "B *shape"], noise: Noise) -> Float[Tensor, "B *shape"]:
        """The new images, every other one in place of which is one of the pool.

        Args:
            new: Images of this round.
            noise: The source of which.
        """
        if (count := int(self.count)) == 0:
            return new
        old = self.images[noise.integers(count, len(new))].to(new.dtype)
        taken = noise.uniform(len(new)) < 0.5
        return torch.where(taken.reshape(-1, *[1] * (new.ndim - 1)), old, new)

    def put(self, new: Float[Tensor, "B *shape"], noise: Noise) -> None:
        """Puts images into the pool: on free places first, then every other one on that of another.

        Args:
            new: Images of this round.
            noise: The source of which, and where.
        """
        size, n = len(self.images), len(new)
        free = min(n, size - int(self.count))
        self.images[self.count : self.count + free] = new[:free].to(self.images.dtype)
        self.count += free
        if size == 0 or free == n:
            return
        rest = new[free:]
        place, kept = noise.integers(size, len(rest)), noise.uniform(len(rest)) < 0.5
        for i in kept.nonzero().flatten().tolist():  # one after another: two may want one place
            self.images[place[i]] = rest[i].to(self.images.dtype)
