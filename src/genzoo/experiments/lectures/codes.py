"""Codes: the table of autoencoders and their kin, and codes that are symbols."""

from typing import Any

import torch
from torch import Tensor

from genzoo.core import Batch, Done, Space
from genzoo.data import read
from genzoo.experiments.lectures import style
from genzoo.experiments.lectures.study import Study
from genzoo.models.autoencoders import Codebook
from genzoo.models.representation import LOSSES, MatrixFactorization

__all__ = ["quantized", "table"]

CELLS = (
    ("linear_autoencoder", "autoencoder"),
    ("matrix_factorization", "nonlinear_factorization"),
    ("sparse_coding", "nonlinear_sparse_coding"),
)
PASSES = ("matrix_factorization", "sparse_coding")  # which end by themselves


def table(s: Study) -> None:
    """Two rows, linear and nonlinear; three columns: an encoder finds the code, the code is free, the code is free
    and few of its entries are not zero. All six cells make digits from codes of one length. The best linear one is
    principal components: its subspace is theirs. And what an error costs matters: where three cells in a hundred are
    broken, the squared loss bends the plane toward them, the absolute one hardly.

    Next: [representations](../families/representation.md).
    """
    data, code = read("digits"), 16
    x, _ = data.test.gather(torch.arange(64))
    error, zeros, shown = {}, {}, [x.double()]
    for pair in CELLS:
        for name in pair:
            how: dict[str, Any] = {"steps": 5} if s.quick else {} if name in PASSES else {"steps": 3000}
            model = s.trained(name, data, settings={"code": code}, **how).generative
            with torch.no_grad():
                z = model.encode(x)
                shown.append(model.decode(z).double())
            error[name] = (shown[-1] - x).square().mean().item()
            zeros[name] = (z == 0).double().mean().item()
    s.least("share of zeros, sparse coding", zeros["sparse_coding"], 0.1)
    s.equal("no zeros where codes are not pressed", zeros["matrix_factorization"], 0.0)
    s.note("squared error of a pixel, share of zeros", [[name, error[name], zeros[name]] for name in error])
    plane = s.noise("plane").normal(2, 8, dtype=torch.float64)
    rows = s.noise("z").normal(300, 2).double() @ plane + 0.1 * s.noise("rows").normal(300, 8).double()
    broken = s.noise("broken").uniform(300, 8) < 0.03
    with_outliers = rows.masked_fill(broken, 10.0)
    angle = {}
    for loss in ("squared", "absolute"):
        for name, each in (("clean", rows), ("with outliers", with_outliers)):
            angle[loss, name] = tilt(each, rows, loss)
    s.most("squared loss: degrees from principal components", angle["squared", "clean"], 0.006)
    s.least("squared loss with broken cells, degrees", angle["squared", "with outliers"], 4)
    s.most("absolute loss with broken cells, degrees", angle["absolute", "with outliers"], 1)
    _, axes = s.figure(size=(6.4, 3.6), alt="Digits in seven lines: test rows, and what six kinds of codes make.")
    lines = ["withheld rows", *(f"{name.replace('_', ' ')}: {error[name]:.1f}" for pair in CELLS for name in pair)]
    style.wall(axes, torch.cat([each[:9] for each in shown]) / 16, 9, "squared error of a pixel", lines)


def quantized(s: Study) -> None:
    """A code is the nearest vector of a book. Three terms train it, and each moves one side alone: the reconstruction
    goes straight through to the encoder as if nothing had been rounded, ‖sg(e) − v‖² moves vectors to what is near
    them, β‖e − sg(v)‖² keeps the encoder near its vectors. Where the stop-gradient sg stands the slope is zero, to
    the last bit. Codes are symbols, so that a model of symbols can be their prior, and draw them. In two maps one
    above the other the coarse one says what the picture is at large, and the fine one is read, and drawn, given it.

    Next: [codes](../families/autoencoders.md).
    """
    book = Codebook(8, 3, beta=0.25, averaged=False).double()
    e = s.noise("e").normal(5, 3, 4, dtype=torch.float64).requires_grad_()
    v, found = book.vectors, book(e)
    nearest = (e.transpose(1, 2).unsqueeze(2) - v).square().sum(3).argmin(2)
    s.equal("codes are the nearest vectors", found.codes, nearest)
    w = s.noise("w").normal(5, 3, 4, dtype=torch.float64)
    through = torch.autograd.grad((w * found.z).sum(), (e, v), retain_graph=True, allow_unused=True)
    s.near("reconstruction: slope of e, as if z = e", through[0], w, within=1e-15)
    s.equal("reconstruction: slope of the vectors", through[1] is None or bool((through[1] == 0).all()), True)
    z = v.detach()[nearest].transpose(1, 2)
    of_e, of_v = torch.autograd.grad(found.price, (e, v))
    s.near("commitment: slope of e", of_e, 0.25 * 2 * (e - z).detach() / 5, within=1e-14)
    push = -2 * (e - z).detach().transpose(1, 2).flatten(0, 1) / 5
    pulled = torch.zeros_like(v).index_add(0, nearest.flatten(), push)
    s.near("codebook: slope of the vectors", of_v, pulled, within=1e-14)
    _hierarchy(s)


def _hierarchy(s: Study) -> None:
    """Two maps of codes, the finer one told what the coarser one left open."""
    how: dict[str, Any] = {"codes": 32, "halvings": 1, "width": 8 if s.quick else 16}
    run = s.trained("vq_vae2", "digits", settings=how, steps=6 if s.quick else 3000)
    model: Any = run.generative
    bottom, top = model.autoencoder.levels().values()
    x, _ = read("digits").test.gather(torch.arange(150))
    with torch.no_grad():
        codes = model.encode(x).flatten(1).long()
        back = model.decode(codes)
        others = codes.clone()
        others[:, top] = codes[:, top].roll(1, 0)  # of the picture before
        mixed = model.decode(others)
    used = [int(codes[:, level].unique().numel()) for level in (top, bottom)]
    s.least("codes of 32 in use, of the coarse map and of the fine one", used, 4 if s.quick else 16)
    error = [(each.double() - x).square().mean() for each in (back, mixed)]
    s.least(
        "squared error of a pixel with another's coarse map, over that with its own",
        error[1] / error[0],
        0.99 if s.quick else 1.02,
    )
    drawn = model.sample(24, seed=s.seed)
    _, axes = s.figure(size=(6.4, 3.4), alt="Digits, the same from their codes, from their fine codes and the coarse "
                       "ones of the digit before, and digits drawn by a prior of both maps.")  # fmt: skip
    lines = ["digits", "from their codes", "coarse of another", "drawn", ""]
    style.wall(axes, torch.cat([x[:12], back[:12], mixed[:12], drawn]) / 16, 12, lines=lines)


def tilt(x: Tensor, rows: Tensor, loss: str) -> float:
    """The largest angle in degrees between the plane that a factorization of x finds and the principal one."""
    model = MatrixFactorization(Space((x.shape[1],)), code=2, loss=LOSSES[loss](), tol=1e-12).double()
    model.prepare([Batch(x)])
    for _ in range(100):
        model.begin()
        model.accumulate(Batch(x))
        if isinstance(model.finish(), Done):
            break
    ours = torch.linalg.qr(model.weights.double())[0]
    theirs = torch.linalg.svd(rows - rows.mean(0), full_matrices=False)[2][:2].T
    return float(torch.rad2deg(torch.arccos(torch.linalg.svdvals(ours.T @ theirs).min().clamp_max(1))))
