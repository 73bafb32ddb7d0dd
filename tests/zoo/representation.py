"""Representations: their tiny instances."""

from torch import nn

from genzoo.core import Space
from genzoo.models import Standardized
from genzoo.models.representation import (
    CLIP,
    CPC,
    MAE,
    CodeAutoencoder,
    DenoisingAutoencoder,
    FreeCodes,
    GaussianNoise,
    MatrixFactorization,
    SimCLR,
    SparseAutoencoder,
    SparseCoding,
    VICReg,
    huber,
)
from genzoo.nn import MLP, Pyramid, Reading
from tests.zoo.entry import BITS, BYTES, NONE, REALS, TEXT, Entry


def free_codes(space: Space, penalty: str, decoder: nn.Module | None = None, **options: object) -> FreeCodes:
    decoder = decoder or MLP(3, [16], space.dims)
    return FreeCodes(space, decoder, code=3, penalty=penalty, strength=0.1, steps=20, **options)


def viewed(method: type[SimCLR] | type[VICReg]) -> SimCLR | VICReg:
    return method(BYTES, Pyramid(1, (4, 6), stride=1), MLP(6, [8], 8), code=6)


LINE = Space((16,))
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
    "clip": Entry(
        lambda: CLIP(BYTES, TEXT, Pyramid(1, (4, 6), stride=1), Reading(TEXT, 6, width=8, depth=1, heads=2), code=6),
        NONE,
        "encode loss condition",
        rounds=15,
    ),
    "simclr": Entry(lambda: viewed(SimCLR), NONE, "encode loss", rounds=15),
    "vicreg": Entry(lambda: viewed(VICReg), NONE, "encode loss", rounds=15),
    "mae": Entry(lambda: MAE(BYTES, code=8, depth=1, heads=2, patch=2), NONE, "encode loss", rounds=15),
    "cpc": Entry(lambda: CPC(BYTES, code=8, patch=1, horizon=2), NONE, "encode loss", rounds=15),
    "cpc/line": Entry(lambda: CPC(LINE, code=8, patch=4, horizon=2), NONE, "encode loss", rounds=15),
    "standardized/autoencoder": Entry(
        lambda: Standardized(CodeAutoencoder.mlp(REALS, code=2, hidden=[8])), NONE, "encode decode loss"
    ),
}
