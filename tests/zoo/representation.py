"""Representations: their tiny instances."""

from torch import nn

from genzoo.core import Space
from genzoo.models import Standardized
from genzoo.models.representation import (
    CodeAutoencoder,
    DenoisingAutoencoder,
    FreeCodes,
    GaussianNoise,
    MatrixFactorization,
    SparseAutoencoder,
    SparseCoding,
    huber,
)
from genzoo.nn import MLP
from tests.zoo.entry import BITS, BYTES, NONE, REALS, Entry


def free_codes(space: Space, penalty: str, decoder: nn.Module | None = None, **options: object) -> FreeCodes:
    decoder = decoder or MLP(3, [16], space.dims)
    return FreeCodes(space, decoder, code=3, penalty=penalty, strength=0.1, steps=20, **options)


REPRESENTATION: dict[str, Entry] = {
    "linear_autoencoder": Entry(lambda: CodeAutoencoder.linear(REALS, code=2), NONE, "encode decode loss", rounds=15),
    "autoencoder": Entry(
        lambda: CodeAutoencoder.mlp(BYTES, code=3, hidden=[16]), NONE, "encode decode loss", rounds=15
    ),
    "denoising_autoencoder": Entry(
        lambda: DenoisingAutoencoder.mlp(BYTES, code=4, hidden=[16], corruption=GaussianNoise(0.3)),
        NONE,
        "encode decode loss",
        rounds=15,
    ),
    "matrix_factorization": Entry(lambda: MatrixFactorization(BYTES, code=3), NONE, "encode decode loss direct_fit"),
    "nonlinear_factorization": Entry(lambda: free_codes(BITS, "ridge"), NONE, "encode decode loss", rounds=15),
    "sparse_coding": Entry(
        lambda: SparseCoding(REALS, code=5, penalty=0.3, steps=1000, tol=1e-3), NONE, "encode decode loss direct_fit"
    ),
    "sparse_coding/huber": Entry(
        lambda: free_codes(REALS, "lasso", nn.Linear(3, 3), loss=huber()), NONE, "encode decode loss"
    ),
    "nonlinear_sparse_coding": Entry(lambda: free_codes(REALS, "lasso"), NONE, "encode decode loss", rounds=15),
    "sparse_autoencoder": Entry(
        lambda: SparseAutoencoder(BYTES, code=12, active=4), NONE, "encode decode loss", rounds=15
    ),
    "sparse_autoencoder/relu": Entry(
        lambda: SparseAutoencoder(REALS, code=6, activation="relu"), NONE, "encode decode loss", rounds=15
    ),
    "standardized/autoencoder": Entry(
        lambda: Standardized(CodeAutoencoder.mlp(REALS, code=2, hidden=[8])), NONE, "encode decode loss"
    ),
}
