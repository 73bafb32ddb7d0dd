"""Statistics are what their equations say, and any model finds what is far."""

import math
from collections.abc import Iterator

import pytest
import torch
from scipy import stats
from torch import Tensor

from genzoo.core import Column, Noise, Space, Unsupported
from genzoo.data import Rows
from genzoo.distributions.estimate import TooFew
from genzoo.models.classical import Gaussian, ProductMixture
from genzoo.tasks.outliers import Setting, benjamini_hochberg, conformal, entries, methods, outliers, surprise
from genzoo.tasks.outliers.distances import Neighbors
from genzoo.tasks.outliers.finding import STATISTICS
from genzoo.tasks.outliers.statistic import Drawn
from genzoo.tasks.outliers.tails import Tails, Together
from genzoo.training import TrainConfig, train
from tests.zoo import ready
from tests.zoo.entry import batch

FAMILIES = (
    "gaussian",
    "hmm",
    "rbm",
    "made",
    "vae",
    "gan",
    "nsf",
    "diffusion",
    "forest",
    "tab_ar",
    "denoising_autoencoder",
    "time_estimation",
)


@pytest.fixture(scope="module")
def fitted() -> tuple[Gaussian, Tensor]:
    """A Gaussian of 3 correlated entries, and 900 rows of which it has seen the first 300."""
    mix = torch.tensor([[1.0, 0.0, 0.0], [2.0, 0.5, 0.0], [-1.0, 1.0, 3.0]])
    x = Noise(0).normal(900, 3) @ mix.T + 4
    model = Gaussian(Space((3,)))
    train(
        model, Rows(x[:300], None, torch.arange(300), Space((3,))), TrainConfig(device="cpu"), say=lambda remark: None
    )
    return model, x


def number(name: str, setting: Setting, x: Tensor) -> Tensor:
    given = setting.model.checked_given(None, len(x))
    statistic = next(statistic for statistic in STATISTICS if statistic.name == name)
    assert not statistic.why_not(setting)
    return statistic.number(setting)(Drawn(x, given))


def test_a_likelihood_is_minus_log_p_and_a_ratio_leaves_the_background_out(fitted: tuple[Gaussian, Tensor]) -> None:
    model, x = fitted
    background = Gaussian(Space((3,)))
    setting = Setting(model, background=background)
    assert number("likelihood", setting, x).equal(-model.log_prob(x).double())
    assert number("ratio", setting, x).allclose(background.log_prob(x).double() - model.log_prob(x).double())


def test_neighbors_are_those_of_a_plain_search_in_standard_units(fitted: tuple[Gaussian, Tensor]) -> None:
    model, x = fitted
    known, asked = x[:300], x[300:340]
    units = (known.mean(0), known.std(0, unbiased=False))
    distance = torch.cdist((asked - units[0]) / units[1], (known - units[0]) / units[1]).sort(1).values[:, :5].mean(1)
    assert number("neighbors", Setting(model, known), asked).allclose(distance.double().log(), atol=1e-4)
    drawn = number("neighbors", Setting(model), asked)  # among samples, where no rows are known
    assert torch.corrcoef(torch.stack([drawn, distance.double().log()]))[0, 1] > 0.5


def test_a_neighborhood_is_as_crowded_as_its_rows_are(
    fitted: tuple[Gaussian, Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Distances beside those of the neighbors, by a plain search; units do not matter, and copies are not endless."""
    model, x = fitted
    known, asked = x[:300], torch.cat([x[300:330], x[:2]])
    units = (known - known.mean(0)) / known.std(0, unbiased=False)
    there = (asked - known.mean(0)) / known.std(0, unbiased=False)
    assert number("neighborhood", Setting(model, known), asked).equal(
        number("neighbors", Setting(model, known), asked)
    )
    monkeypatch.setattr("genzoo.tasks.outliers.distances.CROWD", 3)
    own = torch.cdist(units, units).sort(1).values[:, 1:4].mean(1)
    distance, place = torch.cdist(there, units).sort(1)
    least = own.mean() / 10
    wanted = distance[:, :3].mean(1).clamp_min(least).log() - own[place[:, :3]].clamp_min(least).log().mean(1)
    found = number("neighborhood", Setting(model, known), asked)
    assert found[:, 1].allclose(wanted.double(), atol=1e-4)
    assert found[:, 0].equal(number("neighbors", Setting(model, known), asked))
    assert number("neighborhood", Setting(model, known.repeat(30, 1)), asked).isfinite().all()


def test_a_missing_word_is_as_near_as_any() -> None:
    space = Space((2,), columns=(Column("real"), Column("categorical", 2)))
    known = torch.stack([torch.linspace(-2, 2, 40), torch.arange(40.0) % 2], 1)
    asked = torch.tensor([[0.0, 1.0], [0.0, torch.nan], [torch.nan, 1.0]])
    found = Neighbors().number(Setting(ProductMixture(space, components=2), known))(Drawn(asked, {})).exp()
    assert found[1] < found[0] < 0.3
    assert found[2] < 0.3


def test_numbers_together_tell_what_neither_tells_alone() -> None:
    """z ~ N(0, C): what is left of one given the other is (C⁻¹z)_k / √(C⁻¹)_kk; one number is its surprise."""
    z = Noise(0).normal(4000, 2, dtype=torch.float64) @ torch.tensor([[1.0, 0.8], [0.0, 0.6]]).double()
    told = {"a": z[:, :1], "b": z[:, 1:]}
    both = Together(told, both_ways={"a": False, "b": True})
    shrunk = torch.tensor([[1.0, 0.6], [0.6, 1.0]]).double()  # a quarter of 0.8 is given away
    assert both.left.allclose(shrunk.inverse() / shrunk.inverse().diag().sqrt(), atol=0.05)
    odd = {"a": torch.tensor([[0.0], [2.0], [2.0]]).double(), "b": torch.tensor([[0.0], [1.6], [-1.6]]).double()}
    score, by = both(odd)
    assert score[2] > score[1] + 3 > score[0] + 3
    assert both(odd, torch.tensor([True, True, False]))[0][2] < score[1] + 1  # a row with holes is not compared
    assert by["a"][1] == by["a"][2] == pytest.approx(-math.log(stats.norm.sf(2.0)), rel=0.05)
    assert Together({"a": z[:, :1]}, both_ways={"a": False})({"a": odd["a"]})[0].equal(by["a"])
    near = {"a": torch.tensor([[-3.0], [-300.0]]).double(), "b": torch.full((2, 1), -2.0).double()}
    assert both(near)[0].diff().abs() < 2  # where low values are not strange, no value is low enough to be
    far = both({"a": torch.tensor([[1e9], [torch.inf]]).double(), "b": torch.tensor([[-1e9], [-torch.inf]]).double()})[
        0
    ]
    assert far.isfinite().all()
    average = Together({"a": z}, both_ways={"a": False})({"a": torch.tensor([[1.0, 1.0], [2.0, 0.0]]).double()})[0]
    assert float(average[0]) == pytest.approx(float(average[1]), rel=0.05)
    assert float(average[0]) == pytest.approx(-math.log(stats.norm.sf(2 / math.sqrt(3.6))), rel=0.05)
    exact = Tails(z[:, 0]).normal(torch.tensor([-3.0, 0.0, 1.0, 40.0]).double())
    assert exact[:3].allclose(torch.tensor([-3.0, 0.0, 1.0]).double(), atol=0.25)
    assert exact[3] > 100


def test_a_latent_is_its_log_prior_and_a_flows_code_is_not_compared() -> None:
    model = ready("nsf")
    x = batch(model, 16).x
    z = model.encode(x).double()
    assert (
        number("latent", Setting(model), x)
        .double()
        .allclose(z.square().sum(1) / 2 + z.shape[1] * math.log(2 * math.pi) / 2, atol=1e-5)
    )
    why = {choice.name: choice.why_not for choice in methods(model)}
    assert why["reconstruction"] == "its code keeps all of a row"
    assert why["complexity"] == "files are of levels in a byte"


def test_a_critic_is_asked_of_single_rows_and_a_time_of_neighbors() -> None:
    """The posterior of σ by Bayes' rule over a grid; `auto` does not take the neighbors' distances twice."""
    model = ready("gan")
    x, given = batch(model, 8).x, model.checked_given(None, 8)
    critic = next(ability for ability in model.abilities() if hasattr(ability, "of_samples"))
    assert number("critic", Setting(model), x).equal(-critic.of_rows(x, given, Noise(0)).double())
    why = {choice.name: choice.why_not for choice in methods(ready("gan/pack"))}
    assert why["critic"] == "its critic judges packs of rows"
    plain, known = Gaussian(Space((1,))), torch.tensor([[-1.0], [1.0], [-1.0], [1.0]])
    found = number("diffusion_time", Setting(plain, known), torch.tensor([[0.0], [3.0], [40.0]]))
    log_sigma = torch.linspace(-4, 6, 100).double()
    for row, distances in zip(found, ([1.0] * 4, [2.0, 2.0, 4.0, 4.0], [39.0, 39.0, 41.0, 41.0]), strict=True):
        away = torch.tensor(distances).double()
        p = torch.distributions.Normal(0, log_sigma.exp()[:, None]).log_prob(away).exp().sum(1)
        assert row.item() == pytest.approx(float((p * log_sigma.exp().atan()).sum() / p.sum()), rel=1e-4)
    assert "diffusion_time" not in outliers(plain, known, calibration=Noise(0).normal(40, 1), known=known).by


def test_denoising_errors_of_a_gaussian_are_those_of_its_closed_form() -> None:
    """x ~ N(0, 1), E[x | x_t] = α x_t / (α² + σ²): at SNR s the error has the mean 1/(1 + s)."""
    from genzoo.core.abilities import Denoiser
    from genzoo.distributions.levels import Numbers
    from genzoo.models.diffusion.schedule import Cosine

    class Exact(Denoiser):
        schedule, shape, numbers = Cosine(), (400,), Numbers(Space((400,)))

        def denoise(self, x_t: Tensor, t: Tensor, given: object = None) -> Tensor:
            alpha, sigma = self.schedule(t)
            return alpha * x_t / (alpha**2 + sigma**2)

        def start(self, n: int, noise: Noise) -> Tensor:
            return noise.normal(n, 400)

    class Known(Gaussian):
        def abilities(self) -> list[Denoiser]:
            return [Exact()]

    model = Known(Space((400,)), covariance="diag")
    found = number("denoising", Setting(model), Noise(0).normal(50, 400)).exp().mean(0)
    wanted = 1 / (1 + torch.linspace(-3, 5, 8).double().exp())
    assert found.sort(descending=True).values.allclose(wanted.sort(descending=True).values, rtol=0.08)


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_keeps_its_promises(name: str) -> None:
    """By all that the model has. p is uniform on fresh rows: Kolmogorov and Smirnov's test rejects at 0.01 in at most
    three seeds of a hundred. Of flags at most q are false, over 500 replications; a tenth of the rows is stranger than
    all others. And a score depends on its row alone, not on how many are asked at a time."""
    model = ready(name)
    data = batch(model, 724)
    given, space = data.given or None, model.given_space or None
    rows, usual, part = (
        Rows(data.x, given, torch.arange(*ends), model.space, space) for ends in ((60, 660), (0, 60), (60, 67))
    )
    known = data.x[660:] if not space else None
    able = [choice.name for choice in methods(model, known=known) if not choice.why_not]
    found = outliers(model, rows, calibration=usual, known=known, seed=1)
    assert found.score.isfinite().all()
    assert ((found.p > 0) & (found.p <= 1)).all()
    assert set(found.by) <= set(able)
    assert found.calibration == 30
    again = outliers(model, part, calibration=usual, known=known, seed=1).score
    assert again.allclose(found.score[:7], rtol=1e-4, atol=1e-5)
    assert uniform(found.score)
    for q, (false, true) in false_shares(found.score).items():
        assert false.mean() <= q + 3 * false.std() / len(false) ** 0.5, q
        assert true.mean() > 0.5


def mixed(score: Tensor, times: int) -> Iterator[tuple[Tensor, Noise]]:
    """Scores in some orders, and noise for each."""
    order, noise = torch.Generator().manual_seed(0), Noise(0, "ties")
    for i in range(times):
        yield score[torch.randperm(len(score), generator=order)], noise.tick(i)


def uniform(score: Tensor) -> bool:
    """Whether p-values of some rows among the others are, in 97 of 100 seeds."""
    rejected = 0
    for rows, noise in mixed(score, 100):
        p = conformal(rows[:40], rows[40:], noise)
        spread = p - noise.at("within").uniform(40, dtype=torch.float64) / (len(score) - 39)
        rejected += stats.kstest(spread.numpy(), "uniform", method="asymp").pvalue < 0.01
    return rejected <= 3


def false_shares(score: Tensor) -> dict[float, tuple[Tensor, Tensor]]:
    """For some q the shares of false flags, and of outliers that are flagged, in 500 replications."""
    found: dict[float, list[tuple[float, float]]] = {0.05: [], 0.1: [], 0.2: []}
    odd = torch.full((10,), float(score.max()) + 1.0, dtype=score.dtype)
    for rows, noise in mixed(score, 500):
        p = conformal(torch.cat([odd, rows[:90]]), rows[90:], noise)
        for q, shares in found.items():
            flagged = benjamini_hochberg(p, q).double()
            shares.append((float(flagged[10:].sum() / flagged.sum().clamp_min(1)), float(flagged[:10].mean())))
    return {q: tuple(torch.tensor(shares).T) for q, shares in found.items()}  # type: ignore[misc]


def test_far_rows_are_flagged_and_usual_ones_are_not(fitted: tuple[Gaussian, Tensor]) -> None:
    model, x = fitted
    rows = torch.cat([x[600:], x[:20] + torch.tensor([9.0, -9.0, 9.0])])
    found = outliers(model, rows, calibration=x[300:600], known=x[:300], fdr=0.1)
    assert found.flagged is not None
    assert found.flagged[300:].all()
    assert found.flagged[:300].float().mean() < 0.05
    assert found.calibration == 150
    assert found.smallest_p == 1 / 151
    assert list(found.by) == ["likelihood", "neighborhood"]
    for choice in methods(model, known=x[:300]):
        if not choice.why_not and choice.name != "auto":
            one = outliers(model, rows, calibration=x[300:600], known=x[:300], method=choice.name)
            assert one.p[300:].mean() < 0.02 < one.p[:300].mean(), choice.name


def test_surprise_of_an_entry_is_that_of_its_conditional(fitted: tuple[Gaussian, Tensor]) -> None:
    model, x = fitted
    rows = x[600:606].clone()
    rows[0, 2] += 18.0  # six deviations given the others, which move along with each other and not with it
    told = surprise(Setting(model), rows, x[300:600])
    assert told.by == "others"
    assert told.surprise[0].argmax() == 2
    assert told.surprise[0, 2] > 8
    assert told.surprise[1:].mean() < 3


def test_surprises_over_an_order_add_up_to_the_rows() -> None:
    model = ready("made/few")
    rows = Drawn(batch(model, 20).x, {})
    by, number = entries._way(Setting(model))
    assert by == "those before"
    with torch.no_grad():
        assert number(rows).flatten(1).sum(1).allclose(-model.log_prob(rows.x).double(), atol=1e-4)
    coded = ready("vae")
    assert surprise(Setting(coded), batch(coded, 5).x, batch(coded, 30).x).by == "code"
    diffusion = ready("diffusion")
    told = surprise(Setting(diffusion), batch(diffusion, 5).x, batch(diffusion, 30).x)
    assert told.by == "noise"
    assert told.surprise.shape == (5, *diffusion.space.shape)


def test_bad_input_says_what_to_do(fitted: tuple[Gaussian, Tensor]) -> None:
    model, x = fitted
    with pytest.raises(ValueError, match="got 100% training rows. Hold rows back"):
        outliers(model, x[600:], calibration=x[:300], known=x[:300])
    with pytest.raises(TooFew, match="at least 20 calibration rows, got 19. Hold more rows back"):
        outliers(model, x[600:], calibration=x[300:319])
    with pytest.raises(Unsupported, match="it does not denoise. Of those that do: auto, likelihood"):
        outliers(model, x[600:], calibration=x[300:600], method="denoising")
    with pytest.raises(Unsupported, match="there is no zlib"):
        outliers(model, x[600:], calibration=x[300:600], method="zlib")
    with pytest.raises(ValueError, match="`fdr` must be between 0 and 1"):
        outliers(model, x[600:], calibration=x[300:600], fdr=5)


def test_what_is_odd_is_told(fitted: tuple[Gaussian, Tensor]) -> None:
    model, x = fitted

    def told(rows: Tensor, usual: Tensor, fdr: float | None = None) -> str:
        return "; ".join(outliers(model, rows, calibration=usual, known=x[:300], fdr=fdr).remarks)

    assert told(x[600:], x[300:600]) == ""
    assert "column 2 is" in told(x[600:] * torch.tensor([1.0, 1.0, 100.0]), x[300:600])
    still = x.clone()
    still[:, 1] = 4.0
    moved = still[600:] + torch.tensor([0.0, 1.0, 0.0])
    assert "column 1 is one value in all calibration rows, and another" in told(moved, still[300:600])
    assert "of another law than training rows (column 0" in told(x[600:], x[300:600] + torch.tensor([1.0, 0, 0]))
    assert "50% of the rows are training rows" in told(torch.cat([x[600:], x[:300]]), x[300:600])
    assert "30 calibration rows are few" in told(x[600:], x[300:330])
    assert "a single one needs 2,999" in told(x[600:], x[300:600], fdr=0.1)


def test_the_file_of_a_picture_is_short_where_it_is_plain() -> None:
    model = ready("made")
    x = torch.zeros(2, *model.space.shape, dtype=torch.uint8)
    x[1] = batch(model, 1).x[0]
    got = number("complexity", Setting(model), x) + model.log_prob(x).double()
    assert got.tolist() == pytest.approx([-8 * math.log(2) * len_ for len_ in _lengths(x)])


def test_a_likelihood_is_asked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    model, calls = ready("made"), list[int]()
    x, own = batch(model, 70).x, model.log_density
    monkeypatch.setattr(
        model, "log_density", lambda x, *rest, **more: (calls.append(len(x)), own(x, *rest, **more))[1]
    )
    found = outliers(model, x[:20], calibration=x[20:], known=x[:5])
    assert {"likelihood", "complexity"} < set(found.by)
    assert sum(calls) == 70


def _lengths(x: Tensor) -> list[int]:
    import zlib

    found = []
    for row in x:
        steps = (row.int().diff(dim=-1, prepend=torch.zeros(*row.shape[:-1], 1, dtype=torch.int)) % 256).byte()
        found.append(min(len(zlib.compress(part.numpy().tobytes(), 9)) for part in (row, steps)))
    return found
