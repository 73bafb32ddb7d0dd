"""What belongs together: the contrastive loss against its definition, and CLIP against the law of pairs."""

import math

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from genzoo.core import Batch, Noise, Space
from genzoo.distributions.estimate import TooFew
from genzoo.evaluation.matching import recall_at, retrieval, zero_shot
from genzoo.evaluation.probing import linear_probe
from genzoo.models.abilities import Matching
from genzoo.models.representation import CLIP, CPC, MAE, SimCLR, VICReg, alike, info_nce
from genzoo.models.representation.vicreg import spread_and_covariance
from genzoo.nn import MLP, Reading
from genzoo.training import TrainConfig, train
from tests.models.test_conditions import Told

LABEL, WORDS = Space((), levels=4), Space((5,), levels=3, ragged=True)


def test_contrast_is_the_cross_entropy_of_what_belongs() -> None:
    likeness = torch.randn(6, 9, dtype=torch.float64)
    one = torch.randint(9, (6,))
    belongs = torch.zeros(6, 9).scatter(1, one[:, None], 1.0)
    torch.testing.assert_close(info_nce(likeness, belongs.bool()), cross_entropy(likeness, one))
    torch.testing.assert_close(info_nce(likeness[:, :6]), cross_entropy(likeness[:, :6], torch.arange(6)))
    several = torch.rand(6, 9) < 0.4
    several[:, 0] = True
    shares = several.double() / several.sum(1, keepdim=True)
    torch.testing.assert_close(info_nce(likeness, several), cross_entropy(likeness, shares))
    without = likeness.masked_fill(~several, -math.inf)  # what is not among the others changes nothing
    assert info_nce(without, several).isfinite()


def test_contrast_bounds_the_information_of_pairs_of_known_law() -> None:
    """With log p(y | x) / p(y) as likeness, log M − L lies below the mutual information, and near it for many."""
    rho = 0.8
    information = -math.log(1 - rho**2) / 2
    draw = Noise(0).normal(4000, 2, dtype=torch.float64)
    x, y = draw[:, 0], rho * draw[:, 0] + math.sqrt(1 - rho**2) * draw[:, 1]

    def ratio(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        square = ((y - rho * x) ** 2 / (1 - rho**2) - y**2) / 2
        return -square - math.log(1 - rho**2) / 2

    found = []
    for m in (4, 400):
        parts = [(x[i : i + m], y[i : i + m]) for i in range(0, 4000, m)]
        losses = [info_nce(ratio(a[:, None], b[None])) for a, b in parts]
        found.append(math.log(m) - torch.stack(losses).mean().item())
    assert found[0] < found[1] < information + 0.02
    assert found[1] > information - 0.03


def test_equal_conditions_belong_to_each_other_and_every_row_to_itself() -> None:
    given = {"label": torch.tensor([0, 0, 1, 0]), "words": torch.tensor([[1, 3], [1, 3], [1, 3], [2, 3]])}
    assert alike(given).int().tolist() == [[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
    assert alike({"angle": torch.full((2, 3), torch.nan)}).int().tolist() == [[1, 0], [0, 1]]


def clip(given: Space | dict[str, Space] = LABEL) -> CLIP:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return CLIP(Space((2,)), given, MLP(2, [32], 8), Reading(given, 8, width=16, depth=1, heads=2), code=8)


def test_vectors_are_of_unit_length_and_do_not_depend_on_padding() -> None:
    model = clip(WORDS).double()
    text = torch.tensor([[0, 1, 3, 3, 3], [2, 2, 2, 2, 2]])
    told = model.of_conditions(text)
    torch.testing.assert_close(told.norm(dim=1), torch.ones(2, dtype=torch.float64))
    torch.testing.assert_close(model.of_conditions(text[:1]), told[:1])
    assert not torch.allclose(told[0], told[1])
    assert model.of_rows(torch.randn(3, 2).double()).norm(dim=1).sub(1).abs().max() < 1e-12


def test_its_temperature_is_learned_and_stays_within_bounds() -> None:
    model = clip()
    batch = Batch(torch.randn(8, 2), torch.arange(8) % 4, Noise(0))
    (player,) = model.players()
    player.loss(batch)["loss"].backward()  # type: ignore[index]
    assert model.log_scale.grad is not None
    assert model.log_scale.grad.abs() > 0
    for value, bound in ((9.0, math.log(100)), (-1.0, 0.0)):
        model.log_scale.data.fill_(value)
        assert player.after is not None
        player.after(None)  # type: ignore[arg-type]
        assert model.log_scale.item() == pytest.approx(bound)


@pytest.fixture(scope="module")
def trained() -> CLIP:
    data = pairs(400)
    return train(clip(), Told(data), TrainConfig(steps=150, batch_size=64, lr=5e-3), say=lambda _: None).model


def pairs(n: int) -> Batch:
    """Points around four corners, and which."""
    label = Noise(1).integers(4, n)
    corners = torch.tensor([[1.0, 1], [1, -1], [-1, 1], [-1, -1]])
    return Batch(corners[label] + 0.2 * Noise(2).normal(n, 2), label)


def test_it_finds_what_belongs_both_ways_and_names_classes_without_having_been_told_of_any(trained: CLIP) -> None:
    data = pairs(300)
    for found in retrieval(trained, Told(data)):
        assert found.value > (0.97 if "@1" in found.name else 0.99)
        assert found.control is not None
        assert found.control < (0.3 if "@1" in found.name else 0.85)
    matching = trained.able(Matching)
    prompts = {str(k): matching.of_conditions({"given": torch.tensor([k])}) for k in range(4)}
    right = zero_shot(matching.of_rows(data.x), prompts) == data.given["given"]
    assert right.double().mean() > 0.97


def test_it_ranks_rows_by_how_likely_they_are_under_a_condition(trained: CLIP) -> None:
    """The scaled cosine is the log of p(x, y) / p(x) p(y) up to a constant: between labels, log p(y | x)."""
    x = pairs(500).x
    likeness = (trained.of_rows(x) @ trained.of_conditions(torch.arange(4)).mT * trained.log_scale.exp()).double()
    corners = torch.tensor([[1.0, 1], [1, -1], [-1, 1], [-1, -1]])
    truth = (-(x[:, None] - corners).square().sum(2) / 0.08).softmax(1).double()
    assert (likeness.softmax(1) - truth).abs().mean() < 0.02


def test_rows_as_alike_as_the_right_one_stand_before_it() -> None:
    same = torch.ones(5, 5)
    assert recall_at(1, same, torch.eye(5).bool()).value == 0
    assert recall_at(5, same, torch.eye(5).bool()).value == 1
    order = torch.arange(25.0).reshape(5, 5)
    assert recall_at(1, order, torch.eye(5).bool()).value == pytest.approx(0.2)
    assert recall_at(3, order, torch.eye(5).bool()).value == pytest.approx(0.6)


def test_a_probe_is_ridge_regression_and_chooses_how_strong_by_rows_of_its_own() -> None:
    """Two classes whose means lie 2 apart along one of many directions: Bayes' rule names Φ(1) of them."""
    label = torch.arange(4000) % 2
    z = Noise(0).normal(4000, 30, dtype=torch.float64)
    z[:, 3] += 2.0 * label
    found = linear_probe(z[:3000], label[:3000], z[3000:], label[3000:])
    assert found.value == pytest.approx(0.8413, abs=0.03)
    moved = 7.0 * z + 100
    assert linear_probe(moved[:3000], label[:3000], moved[3000:], label[3000:]).value == found.value
    few = linear_probe(z[:40], label[:40], z[3000:], label[3000:])  # fewer rows than would do without a penalty
    assert 0.55 < few.value < found.value
    with pytest.raises(TooFew, match="got 3 and 997"):
        linear_probe(z[:3], label[:3], z[3003:], label[3003:])


def views(n: int, page: int = 0) -> Batch:
    return Batch(Noise(4).integers(256, n, 1, 8, 8).to(torch.uint8), None, Noise(5).tick(page))


def test_views_that_are_the_same_are_told_apart_without_error_and_collapse_is_what_vicreg_pays_for() -> None:
    space, net, head = Space((1, 8, 8), levels=256), nn.Flatten(), nn.Identity()

    def same(x: torch.Tensor, noise: Noise) -> torch.Tensor:
        return x - x.mean(0)

    sharp = SimCLR(space, net, head, code=64, view=same, temperature=0.01)
    assert sharp.loss(views(16)) < 0.01
    blunt = SimCLR(space, net, head, code=64, view=lambda x, noise: 0 * x + 1, temperature=0.1)
    assert blunt.loss(views(16)).item() == pytest.approx(math.log(31))  # all alike: one of all the others
    collapsed = VICReg(space, net, head, code=64, view=lambda x, noise: 0 * x + 1)
    found = {name: each.item() for name, each in collapsed.losses(views(16)).items()}
    assert (found["invariance"], found["covariance"]) == (0, 0)
    assert found["variance"] == pytest.approx(1 - math.sqrt(1e-4))
    z = Noise(6).normal(20_000, 3, dtype=torch.float64)
    lacks, covariance = spread_and_covariance(2 * z)
    assert lacks == 0
    assert covariance < 0.01
    lacks, covariance = spread_and_covariance(z[:, :1].expand(-1, 3) / 2)
    assert lacks.item() == pytest.approx(0.5, abs=0.01)
    assert covariance.item() == pytest.approx(2 / 16, abs=0.01)  # of each entry with two others, (1/4)²


def test_a_masked_autoencoder_sees_no_patch_that_is_hidden() -> None:
    model = MAE(Space((1, 8, 8), levels=256), code=16, depth=1, heads=2, patch=2).double()
    x = views(3).x
    parts = model.cut(x)
    kept = torch.tensor([[0, 5, 9]] * 3)
    seen = model.seen(parts, kept)
    hidden = parts.clone()
    hidden[:, 1:5], hidden[:, 10:] = 9.0, -9.0
    assert model.seen(hidden, kept).equal(seen)
    assert not model.seen(hidden.roll(1, 0), kept).equal(seen)
    shuffled = model.seen(parts, kept.flip(1)).flip(1)
    torch.testing.assert_close(shuffled, seen)  # places, not their order, say where a patch is
    assert model.kept == 4


def test_coding_predictively_tells_what_follows_from_what_came() -> None:
    """Rows of one symbol each: what follows is told from rows of other symbols, and from no others."""
    x = nn.functional.one_hot(Noise(7).integers(8, 512), 8).float()[:, None].expand(512, 4, 8).contiguous()
    model = CPC(Space((4, 8)), code=16, patch=1, horizon=2)
    before = model.loss(Batch(x, None, Noise(0)))
    trained = train(model, Told(Batch(x)), TrainConfig(steps=150, batch_size=64, lr=1e-2), say=lambda _: None).model
    after = trained.loss(Batch(x[:64], None, Noise(0)))
    assert before.item() == pytest.approx(math.log(512), rel=0.1)
    least = (x[:64, 0] @ x[:64, 0].mT).sum(1).log().mean().item()  # rows of one symbol cannot be told apart
    assert least - 1e-4 < after.item() < least + 0.25


def test_it_needs_a_condition_and_a_temperature_that_can_be() -> None:
    with pytest.raises(ValueError, match="needs a condition, got none"):
        CLIP(Space((2,)), None, MLP(2, [4], 2), MLP(2, [4], 2), code=2)
    with pytest.raises(ValueError, match="between 0.01 and 1, got 3"):
        CLIP(Space((2,)), LABEL, MLP(2, [4], 2), MLP(2, [4], 2), code=2, temperature=3.0)
