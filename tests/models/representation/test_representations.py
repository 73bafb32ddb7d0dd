"""The 2 × 3 table: what the linear cells must equal, and what all of them promise."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import genzoo
from genzoo.core import Batch, Done, Instant, Noise, Space, Unsupported
from genzoo.models.representation import (
    LOSSES,
    CodeAutoencoder,
    FreeCodes,
    Loss,
    MatrixFactorization,
    Representation,
    SparseAutoencoder,
    SparseCoding,
    absolute,
    huber,
    squared,
)
from genzoo.models.representation.free_codes import shortened
from genzoo.models.representation.lasso import sparse_codes
from genzoo.nn import MLP


@pytest.fixture(autouse=True)
def _double() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def table(n: int = 300, dims: int = 8) -> Tensor:
    """Rows with a falling spectrum, turned."""
    noise = Noise(0, "table")
    turn = torch.linalg.qr(noise.normal(dims, dims)).Q
    return noise.normal(n, dims) * torch.linspace(3, 0.3, dims) @ turn + 1


def components(x: Tensor, count: int) -> Tensor:
    """Principal directions as columns."""
    return torch.linalg.svd(x - x.mean(0), full_matrices=False).Vh[:count].T


def angle(a: Tensor, b: Tensor) -> float:
    """The largest principal angle between the spans of two sets of columns, by its sine."""
    a, b = torch.linalg.qr(a).Q, torch.linalg.qr(b).Q
    return torch.linalg.matrix_norm(b - a @ (a.T @ b), 2).clamp_max(1).asin().item()


def passes(model: Representation, *batches: Batch, most: int = 500) -> list[float]:
    model.prepare(batches)
    losses = []
    for _ in range(most):
        model.begin()
        for batch in batches:
            model.accumulate(batch)
        metrics = model.finish()
        losses.append(metrics["loss"])
        if isinstance(metrics, Done):
            break
    return losses


def descend(model: Representation, x: Tensor, rounds: int = 200, lr: float = 1e-2) -> list[float]:
    player, losses = model.players()[0], []
    optimizer = torch.optim.Adam(player.parameters(), lr=lr)
    model.train()
    for step in range(rounds):
        optimizer.zero_grad()
        out = player.loss(Batch(x))
        loss = out if isinstance(out, Tensor) else out["loss"]
        loss.backward()
        optimizer.step()
        if player.after is not None:
            player.after(Instant(step))
        losses.append(loss.item())
    model.eval()
    return losses


# --- linear cells ---------------------------------------------------------------------------------------------------


def test_a_linear_autoencoders_subspace_is_pcas() -> None:
    x = table()
    model = CodeAutoencoder.linear(Space((8,)), code=3)
    optimizer = torch.optim.LBFGS(
        model.parameters(), max_iter=300, tolerance_grad=1e-10, tolerance_change=0, line_search_fn="strong_wolfe"
    )

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = model.loss(Batch(x))
        loss.backward()
        return loss

    for _ in range(5):
        optimizer.step(closure)
    assert angle(model.decoder.weight.detach(), components(x, 3)) < 1e-4
    assert angle(model.encoder.weight.detach().T, components(x, 3)) < 1e-4


def test_a_factorizations_subspace_is_pcas() -> None:
    x = table()
    model = MatrixFactorization(Space((8,)), code=3, tol=1e-14)
    losses = passes(model, Batch(x[:100]), Batch(x[100:]))
    assert angle(model.weights, components(x, 3)) < 1e-4
    left = x - x.mean(0) - (x - x.mean(0)) @ components(x, 3) @ components(x, 3).T
    assert losses[-1] == pytest.approx(left.square().sum().item() / 2 / len(x), rel=1e-6)
    assert all(later <= earlier + 1e-12 for earlier, later in itertools.pairwise(losses))


@pytest.mark.parametrize("loss", [huber(0.3), absolute(0.05), Loss(lambda r: r.cosh().log(), 1.0)])
def test_reweighted_passes_never_raise_any_loss(loss: Loss) -> None:
    x = table(60, dims=5)
    x[::10] += 20 * Noise(1).normal(6, 5)
    model = MatrixFactorization(Space((5,)), code=2, loss=loss, steps=300)
    losses = passes(model, Batch(x), most=4)
    assert losses[-1] < losses[0]
    assert all(later <= earlier * (1 + 1e-4) for earlier, later in itertools.pairwise(losses))


def test_outliers_turn_squared_errors_and_not_absolute_ones() -> None:
    noise = Noise(3)
    x = 3 * noise.normal(200, 1) * torch.eye(6)[:1] + 0.05 * noise.normal(200, 6)
    clean, angles = components(x, 1), {}
    x[:10, 5] += 30
    for name in ("squared", "absolute"):
        model = MatrixFactorization(Space((6,)), code=1, loss=LOSSES[name]())
        passes(model, Batch(x), most=60)
        angles[name] = angle(model.weights, clean)
    assert angles["squared"] > 1.0
    assert angles["absolute"] < 0.1


def test_a_dictionarys_passes_never_raise_the_objective() -> None:
    x = table()
    model = SparseCoding(Space((8,)), code=12, penalty=0.5, tol=1e-7, steps=2000)
    losses = passes(model, Batch(x[:100]), Batch(x[100:]), most=10)
    assert all(later <= earlier + 1e-8 for earlier, later in itertools.pairwise(losses))
    assert losses[-1] < 0.9 * losses[0]
    assert torch.allclose(model.atoms.norm(dim=1), torch.ones(12))
    assert model.loss(Batch(x)).item() <= losses[-1]


def test_a_dictionary_is_found_again() -> None:
    noise = Noise(5)
    truth = torch.nn.functional.normalize(noise.normal(10, 12))
    z = noise.normal(1000, 10) * (noise.uniform(1000, 10) < 0.2)
    model = SparseCoding(Space((12,)), code=10, penalty=0.1, tol=1e-5)
    passes(model, Batch(z @ truth), most=60)
    assert ((model.atoms @ truth.T).abs().max(0).values > 0.98).double().mean() >= 0.9


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_dictionary_is_no_worse_than_scikit_learns() -> None:
    x = table(100)
    options = {"fit_algorithm": "cd", "transform_algorithm": "lasso_cd", "random_state": 0, "max_iter": 20}
    from sklearn.decomposition import DictionaryLearning as learning

    peer = learning(12, alpha=0.5, transform_alpha=0.5, **options)
    y = x - x.mean(0)
    codes = torch.from_numpy(peer.fit_transform(y.numpy()))
    atoms = torch.from_numpy(peer.components_)
    theirs = ((y - codes @ atoms).square().sum(1) / 2 + 0.5 * codes.abs().sum(1)).mean().item()
    assert passes(SparseCoding(Space((8,)), code=12, penalty=0.5), Batch(x), most=25)[-1] <= 1.05 * theirs


def test_unused_atoms_are_moved() -> None:
    x = table()
    model = SparseCoding(Space((8,)), code=12, penalty=0.5)
    model.prepare([Batch(x)])
    model.begin()
    model.accumulate(Batch((model.offset + 5 * model.atoms[0]).repeat(12, 1)))
    before = model.atoms.clone()
    unused = model.gram.diagonal() == 0
    assert model.finish()["dead"] == unused.sum() > 0
    assert (model.atoms[unused] != before[unused]).any(1).all()
    assert torch.allclose(model.atoms.norm(dim=1), torch.ones(12))


# --- nonlinear cells ------------------------------------------------------------------------------------------------


def bent(n: int = 200) -> Tensor:
    """A bent sheet, which no plane fits."""
    a, b = (2 * Noise(7).uniform(n, 2) - 1).split(1, dim=1)
    return torch.cat([a, b, a.square() - b.square(), a * b], dim=1)


def rest(model: Representation, x: Tensor) -> float:
    return (x - model.decode(model.encode(x))).square().mean().item()


def test_nonlinear_cells_follow_a_bend() -> None:
    x, space = bent(), Space((4,))
    linear = MatrixFactorization(space, code=2)
    passes(linear, Batch(x))
    deep = CodeAutoencoder.mlp(space, code=2, hidden=[32])
    free = FreeCodes(space, MLP(2, [32], 4), code=2, strength=1e-3, steps=40)
    descend(deep, x, 200)
    descend(free, x, 30)
    assert rest(deep, x) < 0.3 * rest(linear, x)
    assert rest(free, x) < 0.3 * rest(linear, x)


@pytest.mark.parametrize("penalty", ["ridge", "lasso"])
@pytest.mark.parametrize("loss", [squared(), huber(), absolute(0.05)], ids=lambda loss: loss.name)
def test_no_step_of_the_search_raises_a_rows_objective(penalty: str, loss: Loss) -> None:
    x = bent(30)
    model = FreeCodes(Space((4,)), MLP(4, [16], 4), code=4, penalty=penalty, strength=0.1, loss=loss)
    costs = torch.stack([model.search(x, steps)[1] for steps in range(0, 40, 4)])
    assert (costs.diff(dim=0) <= 0).all()
    z, cost = model.search(x, 30)
    assert torch.allclose(model.objective(x, z), cost)


def test_free_codes_of_a_linear_decoder_are_the_lassos() -> None:
    x = table(20)
    model = FreeCodes(Space((8,)), nn.Linear(5, 8), code=5, penalty="lasso", strength=0.3, steps=2000)
    dictionary = SparseCoding(Space((8,)), code=5, penalty=0.3, steps=20_000)
    dictionary.atoms.copy_(model.decoder.weight.detach().T)
    dictionary.offset.copy_(model.decoder.bias.detach())
    assert torch.allclose(model.encode(x), dictionary.encode(x), atol=1e-6)


def test_free_codes_of_a_linear_decoder_are_least_squares() -> None:
    x = table(20)
    model = FreeCodes(Space((8,)), nn.Linear(3, 8), code=3, strength=0.2, steps=2000)
    w, b = model.decoder.weight, model.decoder.bias
    exact = torch.linalg.solve(w.T @ w + 0.2 * torch.eye(3), w.T @ (x - b).T).T
    assert torch.allclose(model.encode(x), exact, atol=1e-7)


@pytest.mark.parametrize("penalty", ["ridge", "lasso"])
def test_a_rows_free_code_does_not_depend_on_those_beside_it(penalty: str) -> None:
    decoder = MLP(8, [64], 64).float()
    with torch.no_grad():
        for parameter in decoder.parameters():
            parameter.mul_(2)
    model = FreeCodes(Space((64,)), decoder, code=8, penalty=penalty)
    x = Noise(0).normal(16, 64, dtype=torch.float32)
    alone = torch.cat([model.encode(row) for row in x.split(1)])
    assert alone.dtype == torch.float32
    assert (alone - model.encode(x)).abs().max() < 1e-6


def test_a_rows_sparse_code_does_not_depend_on_those_beside_it() -> None:
    noise = Noise(0)
    atoms, x = shortened(noise.normal(12, 8), 1), noise.normal(4, 8)
    beside = sparse_codes(torch.cat([x, 1e6 * x]), atoms, 0.1)[:4]
    assert (beside - sparse_codes(x, atoms, 0.1)).abs().max() < 1e-12


def test_a_nonlinear_sparse_code_is_sparse_and_its_atoms_are_short() -> None:
    x = table(50)
    model = FreeCodes(Space((8,)), MLP(16, [32], 8), code=16, penalty="lasso", strength=0.3)
    losses = descend(model, x, 40)
    assert losses[-1] < 0.7 * losses[0]
    assert 0.05 < (model.encode(x) == 0).double().mean() < 1
    assert (model.decoder.layers[0].weight.norm(dim=0) <= 1 + 1e-9).all()


# --- sparse autoencoders --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("activation", ["topk", "relu"])
def test_a_sparse_autoencoder_learns_and_stays_sparse(activation: str) -> None:
    x = table()
    model = SparseAutoencoder(Space((8,)), code=32, activation=activation, active=4, penalty=0.3)
    losses = descend(model, x, 200)
    assert losses[-1] < 0.3 * losses[0]
    active = (model.encode(x) != 0).sum(1).double().mean()
    assert active <= (4 if activation == "topk" else 24)
    assert torch.allclose(model.atoms.norm(dim=1), torch.ones(32))


def test_dead_units_are_counted_and_revived() -> None:
    x, dead = table(), {}
    for revive, most in ((0.0, 100), (1.0, 600)):
        model = SparseAutoencoder(Space((8,)), code=32, active=3, patience=20, revive=revive)
        with torch.no_grad():
            model.encoder.bias[8:] = -30.0
        descend(model, x, 20)
        assert model.dead.sum() >= 24
        descend(model, x, most, lr=5e-2)
        dead[revive] = int(model.dead.sum())
    assert dead[0.0] >= 24
    assert dead[1.0] < dead[0.0]


def test_silence_is_counted_over_all_processes() -> None:
    model = SparseAutoencoder(Space((8,)), code=6, active=2, patience=2).train()
    model.losses(Batch(table(4)))
    assert model.fired.any()
    model.players()[0].after(Instant(0, total=lambda tensor: tensor + 1))  # another process heard all of them
    assert not model.idle.any()
    for step in (1, 2):
        model.fired = torch.zeros(6, dtype=torch.bool)
        model.players()[0].after(Instant(step))
    assert model.dead.all()


# --- all ------------------------------------------------------------------------------------------------------------


def test_a_representation_does_not_sample_and_says_what_it_can() -> None:
    model = CodeAutoencoder.linear(Space((8,)), code=2)
    with pytest.raises(Unsupported, match=r"cannot sample .*decode, encode"):
        model.sample(3)
    with pytest.raises(Unsupported, match="cannot log_prob"):
        model.log_prob(table(3))


@pytest.mark.parametrize("name", ["squared", "absolute", "huber"])
def test_slopes_and_weights_are_the_losses(name: str) -> None:
    loss, r = LOSSES[name](), torch.linspace(-3, 3, 601)
    slope = (loss(r + 1e-7) - loss(r - 1e-7)) / 2e-7
    assert torch.allclose(loss.slope(r), slope, atol=1e-4)
    assert (loss.slope(r).diff() / r.diff() <= loss.curvature + 1e-6).all()
    assert torch.allclose(loss.weight(r) * r, loss.slope(r), atol=1e-9)
    assert loss(torch.zeros(1)).item() == 0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: CodeAutoencoder(Space((8,)), nn.Identity(), nn.Identity(), code=0), "code"),
        (lambda: MatrixFactorization(Space((8,)), code=9), "at most the 8"),
        (lambda: MatrixFactorization(Space((8,), levels=3, ragged=True), code=2), "one length"),
        (lambda: SparseCoding(Space((8,)), code=3, penalty=0.0), "penalty"),
        (lambda: FreeCodes(Space((8,)), nn.Linear(2, 8), code=2, strength=-1.0), "strength"),
        (lambda: SparseAutoencoder(Space((8,)), code=3, active=4), "active"),
        (lambda: SparseAutoencoder(Space((8,)), code=3, active=2, revive=-1.0), "revive"),
    ],
)
def test_impossible_representations_are_refused(make: Callable[[], Representation], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("name", ["matrix_factorization", "autoencoder"])
def test_a_prior_over_codes_makes_it_sample(name: str, tmp_path: Path) -> None:
    torch.set_default_dtype(torch.float32)
    settings = {"prior": "gaussian", "code": 2}
    run = genzoo.train(name, "digits", steps=8, out=tmp_path / "run", settings=settings)
    x = run.model.sample(4, seed=0)
    assert run.model.checked(x).shape == (4, 1, 8, 8)
    assert not run.model.can("log_prob")
    assert run.model.encode(x).shape == (4, 2)
