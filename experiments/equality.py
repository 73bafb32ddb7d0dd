"""Classical models beside scikit-learn's: the largest differences, in float64 and from the same start.

    python -m experiments.equality

What is compared is what a fit leaves (means, covariances, weights, centers) and the log-densities of the rows.
"""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from sklearn import cluster, covariance, discriminant_analysis, mixture
from torch import Tensor

from genzoo.core import Batch, Noise, Space
from genzoo.models.classical import Gaussian, GaussianMixture, KMeans

KINDS = ("full", "tied", "diag", "spherical")
PASSES = 20


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


def posterior(model: Gaussian, x: Tensor) -> Tensor:
    """p(c | x) by Bayes' rule."""
    classes = range(len(model.class_weights))
    log_prob = torch.stack([model.log_prob(x, torch.full((len(x),), c)) for c in classes], dim=1)
    return (log_prob + model.class_weights.log()).softmax(1)


def gaussians_of_classes(covariance: str) -> dict[str, float]:
    """One Gaussian for each class, beside discriminant analysis: the same p(c | x)."""
    x, labels = blobs()
    model, batch = Gaussian(Space((5,)), Space((), levels=4), covariance=covariance), Batch(x, labels)
    model.prepare([batch])
    passes(model, batch, 1)
    if covariance == "tied":
        theirs = discriminant_analysis.LinearDiscriminantAnalysis(solver="lsqr").fit(x.numpy(), labels.numpy())
        return {"p(c | x)": gap(posterior(model, x), theirs.predict_proba(x.numpy()))}
    theirs = discriminant_analysis.QuadraticDiscriminantAnalysis().fit(x.numpy(), labels.numpy())
    return {"p(c | x)": gap(posterior(model, x), theirs.predict_proba(x.numpy()))}


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


ROWS: dict[str, Callable[[], dict[str, float]]] = {
    "gaussian": gaussian,
    "gaussian, a class each": lambda: gaussians_of_classes("full"),
    "gaussian, a class each, tied": lambda: gaussians_of_classes("tied"),
    **{f"gaussian_mixture, {kind}": lambda kind=kind: gaussian_mixture(kind) for kind in KINDS},
    "kmeans": kmeans,
}


def main() -> None:
    """Prints the table."""
    for name, compare in ROWS.items():
        print(f"{name:32}", "  ".join(f"{what} {value:.1e}" for what, value in compare().items()))


if __name__ == "__main__":
    main()
