"""The rules of the game: objectives and penalties against closed forms, and who plays how."""

import math

import pytest
import torch
from torch import Tensor, nn

from genzoo.core import Batch, Instant, Noise, Space, Unsupported
from genzoo.models.adversarial import (
    GAN,
    R1,
    R2,
    Encounter,
    GradientPenalty,
    Hinge,
    LeastSquares,
    Minimax,
    NonSaturating,
    PathLength,
    Relativistic,
    Rules,
    Wasserstein,
    orthogonality,
    spectral,
    truncated,
    turn,
)
from genzoo.nn import MLP, Conditioned, Projected, deviation_in_groups
from genzoo.testing import rows
from tests.zoo.adversarial import CLIPPED, LIPSCHITZ, SHAPED, dcgan, gan, perceptrons, r3gan, sngan, wgan
from tests.zoo.entry import BITS, BYTES, LABEL, REALS, batch

R, F = 0.7, -0.4  # what a critic says of data and of samples


def log_sigmoid(x: float) -> float:
    return -math.log1p(math.exp(-x))


FORMS = {  # the two losses, and the generator's slope
    NonSaturating: (-log_sigmoid(R) - log_sigmoid(-F), -log_sigmoid(F), -1 / (1 + math.exp(F))),
    Minimax: (-log_sigmoid(R) - log_sigmoid(-F), log_sigmoid(-F), -1 / (1 + math.exp(-F))),
    LeastSquares: ((R - 1) ** 2 / 2 + F**2 / 2, (F - 1) ** 2 / 2, F - 1),
    Hinge: (1 - R + 1 + F, -F, -1.0),
    Wasserstein: (F - R, -F, -1.0),
    Relativistic: (-log_sigmoid(R - F), -log_sigmoid(F - R), -1 / (1 + math.exp(F - R))),
}


def test_objectives_are_their_closed_forms() -> None:
    for kind, (against, toward, slope) in FORMS.items():
        objective = kind()
        of_real, of_fake = (torch.full((4, 1), at, requires_grad=True) for at in (R, F))
        assert objective.against(of_real, of_fake)["loss"].item() == pytest.approx(against, abs=1e-6), kind
        loss = objective.toward(of_fake, of_real)
        assert loss.item() == pytest.approx(toward, abs=1e-6), kind
        loss.backward()
        assert of_fake.grad.sum().item() == pytest.approx(slope, abs=1e-6), kind
        assert objective.paired == (of_real.grad is not None), kind
    with pytest.raises(ValueError, match="of_real"):
        Relativistic().toward(torch.zeros(2, 1))


def test_the_best_critic_tells_the_jensen_shannon_divergence() -> None:
    """On two values with p = (0.9, 0.1) and q = (0.5, 0.5), D* = log p/q gives L_D = 2 log 2 − 2 JS."""
    p, q = torch.tensor([0.9, 0.1]), torch.tensor([0.5, 0.5])
    logits = (p / q).log()
    counts = [(share * 1000).round().long() for share in (p, q)]
    of_real, of_fake = (logits.repeat_interleave(count)[:, None] for count in counts)
    middle = (p + q) / 2
    js = ((p * (p / middle).log()).sum() + (q * (q / middle).log()).sum()) / 2
    loss = NonSaturating().against(of_real, of_fake)["loss"].item()
    assert loss == pytest.approx(2 * math.log(2) - 2 * js.item(), abs=1e-6)


def test_where_the_critic_is_sure_minimax_has_no_slope_and_the_other_has() -> None:
    """At D(G(z)) = 0.01 the slopes are 0.01 and 0.99."""
    for kind, slope in ((Minimax, 0.01), (NonSaturating, 0.99)):
        sure = torch.tensor([[math.log(0.01 / 0.99)]], requires_grad=True)
        kind().toward(sure).backward()
        assert sure.grad.item() == pytest.approx(-slope, abs=1e-6)


# --- penalties ------------------------------------------------------------------------------------------------------


def linear(slope: float, *, at: float = 2.0) -> Encounter:
    """A critic that is linear, so that its slope is the same everywhere, before rows of data and of samples."""
    real, fake = torch.full((6, 3), at, requires_grad=True), torch.zeros(6, 3, requires_grad=True)
    direction = slope * nn.functional.normalize(torch.tensor([1.0, -2.0, 2.0]), dim=0)

    def critic(x: Tensor) -> Tensor:
        return (x @ direction)[:, None]

    return Encounter(critic, real, fake, critic(real), critic(fake), Noise(0))


def test_penalties_of_linear_critics_are_known() -> None:
    for slope in (0.0, 0.5, 3.0):
        met = linear(slope)
        assert GradientPenalty().value(met).item() == pytest.approx((slope - 1) ** 2, abs=1e-5)
        assert GradientPenalty(one_sided=True).value(met).item() == pytest.approx(max(0, slope - 1) ** 2, abs=1e-5)
        added, logged = R1(0.4, every=3)(met)
        assert (added.item(), logged.item()) == pytest.approx((3 * 0.2 * slope**2, slope**2), abs=1e-5)
        assert R2(0.4)(met)[0].item() == pytest.approx(0.2 * slope**2, abs=1e-5)


def test_r1_looks_at_data_and_r2_at_samples() -> None:
    """D = ‖x‖²/2 has slope x: at data of ones 3, at samples of twos 12."""
    real, fake = torch.ones(5, 3, requires_grad=True), torch.full((5, 3), 2.0, requires_grad=True)
    of_real, of_fake = (x.square().sum(1, keepdim=True) / 2 for x in (real, fake))
    met = Encounter(lambda x: x, real, fake, of_real, of_fake, Noise(0))
    assert (R1(1).value(met).item(), R2(1).value(met).item()) == pytest.approx((3, 12))


def test_gamma_comes_down_by_half_a_cosine() -> None:
    penalty = R1(1.0, last=0.2, until=0.5)
    assert [penalty.weight(at) for at in (0.0, 0.25, 0.5, 1.0)] == pytest.approx([0.5, 0.3, 0.1, 0.1])


def test_places_between_are_drawn_for_each_row() -> None:
    seen: list[Tensor] = []
    rows_of = torch.zeros(50, 2), torch.ones(50, 2)
    met = Encounter(lambda x: seen.append(x) or x, *rows_of, *rows_of, Noise(0))
    GradientPenalty().value(met)
    (between,) = seen
    assert torch.equal(between[:, 0], between[:, 1])
    assert len(between[:, 0].unique()) == 50
    assert 0 <= between.min() < between.max() <= 1


def test_the_spectral_norm_is_the_largest_singular_value() -> None:
    torch.manual_seed(0)
    for layer, as_matrix in ((nn.Linear(7, 5), lambda w: w), (nn.Conv2d(3, 4, 3), lambda w: w.flatten(1))):
        bare = layer.weight.detach().clone()
        net = spectral(nn.Sequential(layer))
        for _ in range(50):  # steps of the power method
            turn(net)
        sigma = torch.linalg.svdvals(as_matrix(bare))[0]
        assert torch.allclose(net[0].weight, bare / sigma, atol=1e-5)
    table = nn.Embedding(6, 4)
    assert torch.equal(spectral(nn.Sequential(table))[0].weight, table.weight)
    assert torch.linalg.matrix_norm(spectral(table, embeddings=True).weight, 2).item() == pytest.approx(1, abs=0.01)


def test_singular_values_are_followed_after_steps_of_the_critic() -> None:
    model = sngan()
    critic = next(player for player in model.players() if player.name == "critic")
    layer = model.critic.net.layers[0]
    layer.parametrizations.weight.original.data[0] *= 9
    before = torch.linalg.matrix_norm(layer.weight, 2).item()
    for step in range(40):
        critic.after(Instant(step))
    assert abs(before - 1) > 0.1
    assert torch.linalg.matrix_norm(layer.weight, 2).item() == pytest.approx(1, abs=1e-3)


def test_orthogonality_is_that_of_the_gram_matrix_off_its_diagonal() -> None:
    rotation = torch.linalg.qr(torch.randn(4, 4, generator=torch.Generator().manual_seed(0))).Q
    net = nn.Sequential(nn.Linear(4, 4), nn.Conv2d(2, 2, 1))
    net[0].weight.data, net[1].weight.data = 3 * rotation, torch.tensor([[1.0, 2.0], [3.0, 4.0]])[:, :, None, None]
    assert orthogonality(net).item() == pytest.approx(2 * 11**2, rel=1e-5)  # rows (1, 2) and (3, 4) have product 11


def test_the_path_length_of_a_turned_and_stretched_latent_is_known() -> None:
    """x = s Q z with Q orthogonal: ‖Jᵀ y‖ = s ‖y‖; and of x = (z₁, 2 z₂) it is √(y₁² + 4 y₂²)."""
    z, noise = torch.randn(500, 4), Noise(0)
    y = noise.at("path").normal(500, 4) / 2
    turn = 3 * torch.linalg.qr(torch.randn(4, 4, generator=torch.Generator().manual_seed(0))).Q
    stretch = torch.diag(torch.tensor([1.0, 2.0, 0.0, 0.0]))
    for matrix, lengths in ((turn, 3 * y.norm(dim=1)), (stretch, (y @ stretch).norm(dim=1))):
        value = PathLength(1.0).value(nn.Identity(), lambda at, matrix=matrix: at @ matrix.T, z, noise)
        assert value.item() == pytest.approx(lengths.var(unbiased=False).item(), rel=1e-4)


def test_what_shapes_the_generator_is_in_its_loss_or_a_player_of_its_own() -> None:
    model = gan(REALS, SHAPED)
    critic, generator, rarely = model.players()
    data = batch(model, 8)
    plain, shaped = model.generator_loss(data), generator.loss(data)
    added = 0.1 * orthogonality(model.generator)
    assert shaped["loss"].item() == pytest.approx((plain + added).item(), abs=1e-5)
    assert (rarely.name, rarely.every, rarely.moves) == ("shaped_every_2", 2, generator.moves)
    said = rarely.loss(data)
    assert said["loss"].item() == pytest.approx(2 * 0.1 * said["path_length"].item(), abs=1e-6)
    assert dict(rarely.optimizer) == dict(generator.optimizer) != dict(critic.optimizer)


# --- the game -------------------------------------------------------------------------------------------------------


def linear_game(slope: float) -> GAN:
    """A critic whose gradient has norm `slope` everywhere, and a generator of zeros."""
    critic, generator = nn.Linear(2, 1, bias=False), nn.Linear(3, 2, bias=False)
    critic.weight.data, generator.weight.data = torch.tensor([[slope, 0.0]]), torch.zeros(2, 3)
    return GAN(Space((2,)), None, Conditioned(generator), Conditioned(critic), LIPSCHITZ, latent=3)


def test_the_wasserstein_loss_is_that_of_algorithm_1() -> None:
    x = torch.randn(64, 2) + 5
    for slope in (0.0, 1.0, 3.0):
        model = linear_game(slope)
        losses = model.critic_loss(Batch(x))
        assert losses["penalty"].item() == pytest.approx((slope - 1) ** 2, abs=1e-5)
        assert losses["distance"].item() == pytest.approx(slope * x[:, 0].mean().item(), abs=1e-4)
        assert losses["loss"].item() == pytest.approx(10 * (slope - 1) ** 2 - losses["distance"].item(), abs=1e-4)
        assert model.generator_loss(Batch(x)).item() == pytest.approx(0, abs=1e-6)


def test_players_are_those_of_the_rules() -> None:
    critic, generator = gan(REALS, Rules(lr=1e-4, critic_lr=4e-4, critic_steps=5)).players()
    assert (critic.name, critic.steps, generator.name, generator.steps) == ("critic", 5, "generator", 1)
    assert (critic.optimizer["lr"], generator.optimizer["lr"]) == (4e-4, 1e-4)


def test_a_lazy_penalty_is_a_player_that_shares_the_critics_optimizer() -> None:
    """A round in k has k + 1 steps, each of them shorter, and with a memory as long as k / (k + 1) of a step."""
    model = r3gan()
    critic, rarely, generator = model.players()
    assert (rarely.name, rarely.every, rarely.moves) == ("every_2", 2, critic.moves)
    assert dict(rarely.optimizer) == dict(critic.optimizer) != dict(generator.optimizer)
    assert critic.optimizer["lr"] == pytest.approx(1e-3 * 2 / 3)
    assert critic.optimizer["betas"][1] ** 3 == pytest.approx(0.99**2)
    assert {"r2"} == set(critic.loss(batch(model, 8))) - {"loss", "ahead"}
    assert {"r1"} == set(rarely.loss(batch(model, 8))) - {"loss"}


def test_weights_are_cut_after_each_step() -> None:
    model = gan(REALS, CLIPPED)
    critic, generator = model.players()
    with torch.no_grad():
        model.critic.net.last.weight.fill_(3.0)
    critic.after(None)
    assert max(weight.abs().max().item() for weight in model.critic.parameters()) == pytest.approx(0.1)
    assert generator.after is None


def test_packs_hold_rows_side_by_side() -> None:
    model = gan(BITS, Rules(pack=3))
    x = torch.arange(7.0)[:, None, None, None].expand(7, *BITS.shape)
    packed = model.packed(x)
    assert packed.shape == (2, 3, 4, 4)
    assert packed[:, :, 0, 0].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert model.packed(torch.arange(6.0)).tolist() == [[0, 1, 2], [3, 4, 5]]
    assert model.packed(torch.arange(12.0).reshape(6, 2)).tolist() == [[*range(6)], [*range(6, 12)]]
    with pytest.raises(ValueError, match="a pack of 3 rows, got 2"):
        model.packed(x[:2])
    with pytest.raises(ValueError, match="A pack has no condition"):
        gan(BITS, Rules(pack=2), LABEL)
    with pytest.raises(ValueError, match="hold a row"):
        Rules(pack=0)


def test_batch_normalization_sees_data_and_samples_apart() -> None:
    model, seen = dcgan(BYTES).train(), []
    norm = next(part for part in model.critic.modules() if isinstance(part, nn.BatchNorm2d))
    norm.register_forward_hook(lambda module, inputs, output: seen.append(len(inputs[0])))
    model.critic_loss(batch(model, 8))
    assert seen == [8, 8]


def test_samples_do_not_depend_on_the_rows_beside_them() -> None:
    model = dcgan(BYTES)
    model.critic_loss(Batch(batch(model, 8).x, {}, Noise(0)))
    assert torch.equal(model.sample(5, seed=1)[:2], model.sample(2, seed=1))


def test_truncation_draws_a_truncated_normal_of_the_same_samples() -> None:
    """The variance of N(0, 1) on [−τ, τ] is 1 − 2 τ φ(τ) / (2 Φ(τ) − 1)."""
    z, normal = Noise(0).normal(20_000, 1), torch.distributions.Normal(0.0, 1.0)
    for most in (0.3, 1.0, 2.0):
        at = torch.tensor(most)
        cut, share = truncated(z, most), 2 * normal.cdf(at) - 1
        assert cut.abs().max() <= most
        expected = 1 - 2 * most * normal.log_prob(at).exp() / share
        assert cut.var().item() == pytest.approx(expected.item(), rel=0.03)
        assert torch.equal(cut[:, 0].argsort(), z[:, 0].argsort())
    assert torch.allclose(truncated(z, 20.0), z, atol=1e-5)
    model = gan(REALS, Rules())
    assert torch.allclose(model.sample(5, seed=1, truncation=20.0), model.sample(5, seed=1), atol=1e-4)
    assert not torch.allclose(model.sample(5, seed=1, truncation=0.1), model.sample(5, seed=1), atol=1e-2)
    with pytest.raises(ValueError, match="must be positive"):
        model.sample(2, truncation=0.0)


def test_it_has_no_single_loss() -> None:
    model = wgan(BYTES)
    assert not model.can("loss")
    with pytest.raises(Unsupported, match="players"):
        model.loss(Batch(rows(BYTES, 2)))


def test_generated_levels_span_the_space() -> None:
    model = wgan(BYTES)
    model.generator.net.last.bias.data = torch.linspace(-20, 20, BYTES.dims)
    x = model.sample(3, seed=0)
    assert (x.min().item(), x.max().item()) == (0, 255)


def test_the_deviation_of_a_generator_that_repeats_itself_is_none() -> None:
    h = torch.randn(8, 5, generator=torch.Generator().manual_seed(0))
    expected = h[:4].std(0, unbiased=False).mean()
    assert deviation_in_groups(h)[:4].flatten().tolist() == pytest.approx([expected.item()] * 4, abs=1e-4)
    assert deviation_in_groups(h[:1].expand(6, 5)).max() < 1e-3 < deviation_in_groups(h).min()


def test_a_projection_is_linear_in_the_features() -> None:
    """w·φ + b + e(y)·φ, and without a condition w·φ + b."""
    critic = Projected(MLP(3, [4], 5), 5, LABEL)
    x, label = torch.randn(6, 3), torch.tensor([0, 1, 2, 0, 1, -1])
    phi, table = critic.features(x), critic.embedding.tokens.parts[0].table.weight
    rows_of = table[torch.where(label < 0, 3, label)]
    expected = phi @ critic.last.weight[0] + critic.last.bias + (phi * rows_of).sum(1)
    assert torch.allclose(critic(x, label)[:, 0], expected, atol=1e-6)
    assert torch.allclose(critic(x)[:, 0], phi @ critic.last.weight[0] + critic.last.bias, atol=1e-6)


def test_networks_of_the_instances_fit() -> None:
    generator, critic = perceptrons(REALS, LABEL)
    label = torch.tensor([0, 1])
    assert critic(generator(torch.zeros(2, 4), label), label).shape == (2, 1)
