"""The ladder of latents against what can be computed otherwise."""

import pytest
import torch
from torch.distributions import Normal

from genzoo.core import Batch, Noise, Space
from genzoo.distributions.draws import draw
from genzoo.models.autoencoders import VAE, GaussianAutoencoder, LadderAutoencoder, LadderPrior, Rate
from genzoo.models.autoencoders.ladder import combined
from genzoo.testing import rows
from tests.zoo.autoencoders import ladder_vae
from tests.zoo.entry import LABEL, REALS, stirred


def test_two_measurements_are_put_together_as_their_product() -> None:
    one, other = Normal(torch.tensor([0.3]), torch.tensor([0.5])), Normal(torch.tensor([-1.0]), torch.tensor([2.0]))
    at = torch.linspace(-2, 2, 9)
    ratio = combined(one, other).log_prob(at) - one.log_prob(at) - other.log_prob(at)
    assert torch.allclose(ratio, ratio[:1], atol=1e-5)  # a constant: the normalization


def test_levels_are_drawn_from_the_top_down_by_what_both_sides_say() -> None:
    model = stirred(ladder_vae(REALS))
    both, x = model.autoencoder, rows(REALS, 4000)[:1].expand(4000, -1)
    q = both.posterior(x)
    z = draw(q, Noise(0))
    first, second, third = z.split([3, 2, 1], dim=1)
    top = combined(q.seen[2], Normal(torch.zeros(1), torch.ones(1)))
    assert abs(third.mean() - top.loc[0, 0]) < 4 * top.scale[0, 0] / 4000**0.5
    loc, log_scale = both.down[0](second).chunk(2, dim=1)
    below = combined(q.seen[0], Normal(loc, (7 * (log_scale / 7).tanh()).exp()))
    units = (first - below.loc) / below.scale
    assert units.mean(0).abs().max() < 4 / 4000**0.5
    assert (units.std(0) - 1).abs().max() < 0.06


def test_the_rate_of_levels_is_the_mean_of_what_draws_say() -> None:
    model, x = stirred(ladder_vae(REALS)), rows(REALS, 1)
    found = model.losses(Batch(x, noise=Noise(0)))
    levels = [found[f"level-{i}/rate"] for i in (1, 2, 3)]
    assert torch.allclose(sum(levels), found["rate"], rtol=1e-5)
    many = x.expand(20_000, -1)
    q = model.autoencoder.posterior(many)
    z = draw(q, Noise(1))
    drawn = q.log_prob(z) - model.log_prior(z)
    closed = model.prior.rates(q, z, model.autoencoder).sum(1)
    assert abs(drawn.mean() - closed.mean()) < 4 * (drawn - closed).std() / 20_000**0.5
    assert (closed >= 0).all()


def test_free_nats_are_of_each_latent_of_each_level() -> None:
    model, x = ladder_vae(REALS), rows(REALS, 16)
    free = VAE(REALS, None, model.autoencoder, prior=LadderPrior(), rate=Rate(free=100.0, warm_up=1.0))
    found = free.losses(Batch(x, noise=Noise(0), progress=0.5))
    assert torch.allclose(found["loss"], found["distortion"] + 0.5 * 600)
    assert torch.equal(free.log_prob(x), model.log_prob(x))


def test_scales_that_are_extreme_leave_gradients_finite() -> None:
    model, x = ladder_vae(REALS), rows(REALS, 8)
    for net, says in ((model.autoencoder.down[0], -300.0), (model.autoencoder.seen[1][1], 300.0)):
        last = getattr(net, "net", net)
        torch.nn.init.constant_(getattr(last, "last", last).bias, says)
    model.loss(Batch(x, noise=Noise(0))).backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())


def test_a_ladder_without_its_own_prior_or_levels_is_refused() -> None:
    both = GaussianAutoencoder.mlp(REALS, latent=2, hidden=[8])
    with pytest.raises(TypeError, match="LadderAutoencoder"):
        VAE(REALS, None, both, prior=LadderPrior()).sample(1, seed=0)
    with pytest.raises(ValueError, match="two levels or more"):
        LadderAutoencoder.mlp(REALS, sizes=[3], hidden=[8])


def test_images_go_up_and_down_by_convolutions() -> None:
    space = Space((1, 9, 8), levels=4)
    both = LadderAutoencoder.conv(space, LABEL, sizes=[3, 2], width=2, hidden=8, embedding=4)
    assert VAE(space, LABEL, both, prior=LadderPrior()).sample(2, torch.tensor([0, 1]), seed=0).shape == (2, 1, 9, 8)
