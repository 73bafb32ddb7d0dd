"""Maps that can be read both ways: between latents and data, and between data and what networks see of them."""

import torch
from torch import Tensor, nn

from genzoo.core import Denoiser, GenerativeModel, Latent, Likelihood, Noise
from genzoo.core.given import Given, given_rows
from genzoo.testing.promise import LeftOut, Subject, hold, promise

__all__ = ["inverts"]

FEW = 64  # entries of rows whose Jacobian is taken
LEAST, ROWS = 0.02, 16  # of the spread of what a first layer sees; the rows that it is shown


def inverts(subject: Subject) -> bool:
    """a model of reals with an exact density whose latent has as many entries as x"""
    model = subject.model
    latent = model.ability(Latent) if model.likelihood is Likelihood.EXACT and model.space.is_real else None
    return latent is not None and latent.space.dims == model.space.dims


@promise("encode", "decode", "latent", asked=inverts)
def decoding_undoes_encoding(subject: Subject) -> None:
    """In double precision, since a map that stretches by a million loses the digits of single."""
    subject = subject.double()
    model, data = subject.model, subject.batch(8)
    with torch.no_grad():
        z = model.encode(data.x, data.given)
        x = model.decode(z, data.given)
        again = model.encode(x, data.given)
    size = data.x.abs().max().clamp_min(1.0)
    hold(bool(((x - data.x).abs() <= 1e-5 * size).all()), f"x comes back {(x - data.x).abs().max():.3g} off")
    off = ((again - z).abs() / z.abs().clamp_min(1.0)).max()
    hold(bool(off <= 1e-4), f"z comes back {off:.3g} off")


@promise("log_prob", "encode", "latent", asked=inverts)
def log_prob_counts_how_the_latent_is_stretched(subject: Subject) -> None:
    """log p(x) = log p(z) − log |det dx/dz|, the determinant taken by differentiation of the way from z to x."""
    subject = subject.double()
    model, data = subject.model, subject.batch(2)
    if model.space.dims > FEW:
        raise LeftOut(f"a Jacobian of {model.space.dims} entries is not taken, only of up to {FEW}")
    latent = model.able(Latent)
    with torch.no_grad():
        z, log_prob = model.encode(data.x, data.given), model.log_prob(data.x, data.given)
    z = z.detach().requires_grad_()
    x = latent.numbers.back(latent.generate(z, data.given)).flatten(1)
    slopes = [torch.autograd.grad(x[:, d].sum(), z, retain_graph=True)[0].flatten(1) for d in range(x.shape[1])]
    ladj = torch.linalg.slogdet(torch.stack(slopes, 1)).logabsdet
    wanted = latent.log_prior(z, data.given).detach() - ladj
    worst = (log_prob - wanted).abs().max().item()
    hold(worst < 1e-4 * max(1.0, wanted.abs().max().item()), f"log_prob is {worst:.4g} nats off that of its latent")


def has_numbers(subject: Subject) -> bool:
    """a model of levels that has a latent or a denoiser"""
    model = subject.model
    told = any(model.ability(kind) is not None for kind in (Latent, Denoiser))
    return told and model.space.levels is not None and model.space.columns is None


@promise(kind="use", asked=has_numbers)
def levels_come_back_from_their_numbers(subject: Subject) -> None:
    model = subject.model
    x = Noise(4, "levels").integers(model.space.levels or 1, 64, *model.space.shape).to(subject.x)
    for ability in filter(None, (model.ability(Latent), model.ability(Denoiser))):
        y = ability.numbers.of(x)
        if y.shape == x.shape:  # and not codes of x
            off = (ability.numbers.back(y) != x).double().mean().item()
            hold(off == 0, f"{off:.0%} of all levels come back as others from the numbers that stand for them")


def has_bytes(subject: Subject) -> bool:
    """a model with a likelihood or a loss over 64 levels or more"""
    levels = subject.model.space.levels or 0
    return levels >= 64 and subject.model.space.columns is None and not subject.can("direct_fit")


@promise("loss", kind="use", asked=has_bytes)
def a_network_sees_levels_spread_out(subject: Subject) -> None:
    """Scaled twice, 256 levels are one to the first layer that is shown them."""
    model, seen = subject.copy(), list[Tensor]()
    x = Noise(4, "bytes").integers(model.space.levels or 1, ROWS, *model.space.shape).to(subject.x)

    def watch(layer: nn.Module, shown: tuple[object, ...]) -> None:
        y = shown[0] if shown else None
        if isinstance(y, Tensor) and y.is_floating_point() and len(y) == ROWS and y[0].numel() >= model.space.dims:
            seen.append(y.detach().double())

    for part in model.modules():
        if next(part.children(), None) is None and next(part.parameters(recurse=False), None) is not None:
            part.register_forward_pre_hook(watch)
    with torch.no_grad():
        _show(model, x, given_rows(subject.given, slice(ROWS)))
    if not seen:
        raise LeftOut("no layer of weights is shown whole rows as numbers")
    spread = seen[0].std(0).mean().item()
    hold(spread >= LEAST, f"levels from end to end reach the first layer with a spread of {spread:.2g}")


def _show(model: GenerativeModel, x: Tensor, given: Given) -> None:
    """Shows rows to the networks that see x."""
    if model.can("log_prob"):
        model.log_prob(x, given)
    elif model.can("encode"):
        model.encode(x, given)
    else:
        raise LeftOut("nothing but its training is shown rows")
