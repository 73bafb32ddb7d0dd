"""Sample metrics as torchmetrics, prdc and POT compute them, on vectors and on the probabilities of a judge.

torchmetrics takes its features from a module; one that does nothing hands it ours.
"""

import contextlib
import io
import warnings

import torch
from torch import Tensor, nn

N, M, DIMS, CLASSES, LINES, K = 160, 120, 12, 5, 20, 5


class Flat(nn.Module):
    """Images that are their own features."""

    num_features = DIMS

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1)


def answers() -> dict[str, Tensor]:
    torch.manual_seed(0)
    mixing = torch.randn(DIMS, DIMS, dtype=torch.float64)
    real = torch.randn(N, DIMS, dtype=torch.float64) @ mixing + 3
    fake = 0.8 * torch.randn(M, DIMS, dtype=torch.float64) @ mixing + 3.5
    logits = 2 * torch.randn(N, CLASSES, dtype=torch.float64)
    asked = {"real": real, "fake": fake, "logits": logits}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return asked | _torchmetrics(real, fake, logits) | _neighbors(real, fake) | _transport(real, fake)


def _torchmetrics(real: Tensor, fake: Tensor, logits: Tensor) -> dict[str, Tensor]:
    from torchmetrics.image.fid import FrechetInceptionDistance
    from torchmetrics.image.inception import InceptionScore
    from torchmetrics.image.kid import KernelInceptionDistance

    made = {}
    frechet = FrechetInceptionDistance(feature=Flat(), input_img_size=(DIMS, 1, 1)).set_dtype(torch.float64)
    kernel = KernelInceptionDistance(feature=Flat(), subsets=1, subset_size=M).set_dtype(torch.float64)
    for metric in (frechet, kernel):
        rows = real if metric is frechet else real[:M]  # all in its one subset, whose order says nothing
        metric.update(rows[:, :, None, None], real=True)
        metric.update(fake[:, :, None, None], real=False)
    made["frechet"], made["kernel"] = frechet.compute(), kernel.compute()[0]
    for splits in (1, 10):
        score = InceptionScore(feature=Flat(), splits=splits).set_dtype(torch.float64)
        score.update(logits)
        torch.manual_seed(splits)
        order = torch.randperm(N)
        torch.manual_seed(splits)
        mean, deviation = score.compute()
        made |= {f"score_{splits}": torch.stack([mean, deviation.nan_to_num()]), f"order_{splits}": order}
    return made


def _neighbors(real: Tensor, fake: Tensor) -> dict[str, Tensor]:
    from prdc import compute_prdc

    with contextlib.redirect_stdout(io.StringIO()):
        found = compute_prdc(real.numpy(), fake.numpy(), nearest_k=K)
    values = [found[name] for name in ("precision", "recall", "density", "coverage")]
    return {"neighbors": torch.tensor(values, dtype=torch.float64)}


def _transport(real: Tensor, fake: Tensor) -> dict[str, Tensor]:
    import ot

    lines = torch.randn(LINES, DIMS, dtype=torch.float64)
    lines = lines / lines.norm(dim=1, keepdim=True)
    made: dict[str, float] = {}
    for p in (1, 2):
        cost = torch.cdist(fake, real).pow(p).numpy()
        made[f"exact_{p}"] = float(ot.emd2([], [], cost)) ** (1 / p)
        made[f"exact_equal_{p}"] = float(ot.emd2([], [], cost[:, :M].copy())) ** (1 / p)
        made[f"line_{p}"] = float(ot.wasserstein_1d(fake[:, 0].numpy(), real[:, 0].numpy(), p=p)) ** (1 / p)
        sliced = ot.sliced_wasserstein_distance(fake.numpy(), real.numpy(), projections=lines.T.numpy(), p=p)
        made[f"sliced_{p}"] = float(sliced)
    return {"lines": lines} | {name: torch.tensor(value, dtype=torch.float64) for name, value in made.items()}
