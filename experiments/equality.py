"""Classical models beside scikit-learn's: the largest differences, in float64 and from the same start.

    python -m experiments.equality

What is compared is what a fit leaves (means, covariances, weights, centers), the log-densities of the rows, and how
probable their classes or components are.
"""

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import sklearn
import torch
from sklearn import cluster, covariance, decomposition, discriminant_analysis, linear_model, mixture, neighbors
from torch import Tensor

from genzoo.core import Batch, Noise, Space
from genzoo.models.classical import (
    PPCA,
    FactorAnalysis,
    Gaussian,
    GaussianMixture,
    KernelDensity,
    KMeans,
    SoftmaxRegression,
)
from genzoo.zoo import store

KINDS = ("full", "tied", "diag", "spherical")
PASSES = 20
RECORD = Path(__file__).parent / "records" / "equality.json"


def blobs(n: int = 2000, dims: int = 5, count: int = 4) -> tuple[Tensor, Tensor]:
    """Overlapping clusters of unlike shapes, and which one each row is of."""
    noise = Noise(0, "equality")
    centers = 2 * noise.normal(count, dims, dtype=torch.float64)
    shapes = torch.eye(dims) + 0.5 * noise.normal(count, dims, dims, dtype=torch.float64)
    which = noise.integers(count, n)
    rows = noise.normal(n, dims, dtype=torch.float64)
    return centers[which] + torch.einsum("nij,nj->ni", shapes[which], rows), which


def passes(model: Any, batch: Batch, count: int) -> None:
    """Some passes over the same rows."""
    for _ in range(count):
        model.begin()
        model.accumulate(batch)
        model.finish()


def gap(ours: Tensor, theirs: Any) -> float:
    """The largest difference."""
    return float(np.abs(ours.double().numpy() - np.asarray(theirs)).max())


def gaussian() -> dict[str, float]:
    """One Gaussian, beside the empirical covariance."""
    x, _ = blobs()
    model, theirs = Gaussian(Space((5,))), covariance.EmpiricalCovariance().fit(x.numpy())
    model.prepare([Batch(x)])
    passes(model, Batch(x), 1)
    scale = model.gaussians.scale[0]
    return {
        "mean": gap(model.mean, theirs.location_),
        "covariance": gap(scale @ scale.T, theirs.covariance_),
        "mean log-density": abs(float(model.log_prob(x).mean()) - theirs.score(x.numpy())),
    }


def gaussians_of_classes(covariance: str) -> dict[str, float]:
    """One Gaussian for each class, beside discriminant analysis: the same p(c | x)."""
    x, labels = blobs()
    model, batch = Gaussian(Space((5,)), Space((), levels=4), covariance=covariance), Batch(x, labels)
    model.prepare([batch])
    passes(model, batch, 1)
    if covariance == "tied":
        theirs = discriminant_analysis.LinearDiscriminantAnalysis(solver="lsqr").fit(x.numpy(), labels.numpy())
        return {"p(c | x)": gap(model.responsibilities(x), theirs.predict_proba(x.numpy()))}
    theirs = discriminant_analysis.QuadraticDiscriminantAnalysis().fit(x.numpy(), labels.numpy())
    return {"p(c | x)": gap(model.responsibilities(x), theirs.predict_proba(x.numpy()))}


def gaussian_mixture(kind: str) -> dict[str, float]:
    """A mixture after twenty passes of EM."""
    x, _ = blobs()
    model = GaussianMixture(Space((5,)), components=4, covariance=kind, tol=0.0)
    means = x[:4].clone()
    model.prepare([Batch(x)])
    model.gaussians.start(means, torch.eye(5, dtype=torch.float64))
    model.weights.fill_(0.25)
    units = {"full": [np.eye(5)] * 4, "tied": np.eye(5), "diag": np.ones((4, 5)), "spherical": np.ones(4)}
    theirs = mixture.GaussianMixture(
        4, covariance_type=kind, tol=0.0, max_iter=PASSES, reg_covar=0.0, means_init=means.numpy(),
        weights_init=np.full(4, 0.25), precisions_init=np.asarray(units[kind]),
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it has not converged
        theirs.fit(x.numpy())
    passes(model, Batch(x), PASSES)
    return {
        "weights": gap(model.weights[0], theirs.weights_),
        "means": gap(model.gaussians.means, theirs.means_),
        "log-densities": gap(model.log_prob(x), theirs.score_samples(x.numpy())),
        "p(k | x)": gap(model.responsibilities(x), theirs.predict_proba(x.numpy())),
    }


def kmeans() -> dict[str, float]:
    """k-means until no center moves."""
    x, _ = blobs()
    model, start = KMeans(Space((5,)), clusters=6, tol=0.0), x[:6].clone()
    model.prepare([Batch(x)])
    model.centers.copy_(start)
    theirs = cluster.KMeans(6, init=start.numpy(), n_init=1, tol=0.0, max_iter=500, algorithm="lloyd").fit(x.numpy())
    passes(model, Batch(x), theirs.n_iter_ + 5)
    return {
        "centers": gap(model.centers, theirs.cluster_centers_),
        "assignments": gap(model.encode(x), theirs.labels_),
        "inertia, relative": abs(float(model.variance) * x.numel() / theirs.inertia_ - 1),
    }


def ppca() -> dict[str, float]:
    """Principal components with a density; theirs is given the covariance of highest likelihood, with 1 / n."""
    x, _ = blobs()
    model, theirs = PPCA(Space((5,)), rank=2), decomposition.PCA(2, svd_solver="full").fit(x.numpy())
    passes(model, Batch(x), 1)
    share = (len(x) - 1) / len(x)
    theirs.explained_variance_, theirs.noise_variance_ = (
        theirs.explained_variance_ * share,
        theirs.noise_variance_ * share,
    )
    return {
        "noise": abs(model.variance - theirs.noise_variance_),
        "log-densities": gap(model.log_prob(x), theirs.score_samples(x.numpy())),
    }


def factor_analysis() -> dict[str, float]:
    """Twenty steps of EM, to the half of a step on which theirs ends."""
    x, _ = blobs()
    variances = x.var(0, correction=0)
    model = FactorAnalysis(Space((5,)), rank=2, tol=0.0, steps=PASSES)
    passes(model, Batch(x), 1)
    model.noise_variance.copy_(variances - model.loadings.square().sum(1))
    theirs = decomposition.FactorAnalysis(
        2, tol=0.0, max_iter=PASSES, svd_method="lapack", noise_variance_init=variances.numpy()
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it has not converged
        theirs.fit(x.numpy())
    return {
        "noise": gap(model.noise_variance, theirs.noise_variance_),
        "log-densities": gap(model.log_prob(x), theirs.score_samples(x.numpy())),
    }


def kde(kernel: str) -> dict[str, float]:
    """A kernel on every row, of one bandwidth."""
    x, _ = blobs()
    model = KernelDensity(Space((5,)), kernel=kernel, bandwidth=2.5, whiten="none").double()
    passes(model, Batch(x), 1)
    theirs = neighbors.KernelDensity(kernel=kernel, bandwidth=2.5, rtol=1e-12).fit(x.numpy())
    return {"log-densities": gap(model.log_prob(x), theirs.score_samples(x.numpy()))}


def softmax_regression() -> dict[str, float]:
    """The label given the row, to convergence."""
    x, labels = blobs()
    model = SoftmaxRegression(Space((), levels=4), Space((5,)), penalty=1.0, tol=1e-18).double()
    passes(model, Batch(labels, x), PASSES)
    theirs = linear_model.LogisticRegression(solver="newton-cholesky", tol=1e-12).fit(x.numpy(), labels.numpy())
    return {
        "weights": gap(model.weight, theirs.coef_),
        "p(y | x)": gap(model.log_probs(x).exp(), theirs.predict_proba(x.numpy())),
    }


ROWS: dict[str, Callable[[], dict[str, float]]] = {
    "gaussian": gaussian,
    "gaussian, a class each": lambda: gaussians_of_classes("full"),
    "gaussian, a class each, tied": lambda: gaussians_of_classes("tied"),
    **{f"gaussian_mixture, {kind}": lambda kind=kind: gaussian_mixture(kind) for kind in KINDS},
    "kmeans": kmeans,
    "ppca": ppca,
    "factor_analysis": factor_analysis,
    **{f"kde, {kernel}": lambda kernel=kernel: kde(kernel) for kernel in ("gaussian", "epanechnikov")},
    "softmax_regression": softmax_regression,
}


def main() -> None:
    """Makes the table, keeps it and prints it."""
    table = {name: compare() for name, compare in ROWS.items()}
    versions = store.versions() | {"scikit-learn": sklearn.__version__}
    said = {"experiment": (__doc__ or "").partition("\n")[0], "versions": versions, "largest_differences": table}
    RECORD.write_text(json.dumps(said, indent=1) + "\n")
    for name, row in table.items():
        print(f"{name:32}", "  ".join(f"{what} {value:.1e}" for what, value in row.items()))


if __name__ == "__main__":
    main()
