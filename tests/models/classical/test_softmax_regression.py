"""Softmax regression against scikit-learn, its objective against the definition, its minimizer against both."""

import itertools
import math

import pytest
import torch
from torch import Tensor

from genzoo.core import Batch, Done, Noise, Space
from genzoo.models.classical import QuasiNewton, SoftmaxRegression, softmax_regression

LABEL = Space((), levels=3)


def labelled(n: int = 300, dims: int = 4) -> tuple[Tensor, Tensor]:
    """Rows in unlike units, and labels that follow from them, but not for sure."""
    x = Noise(0, "x").normal(n, dims, dtype=torch.float64) * torch.tensor([1.0, 5.0, 0.2, 1.0])[:dims] + 3
    logits = x @ Noise(0, "w").normal(dims, 3, dtype=torch.float64)
    return x, Noise(0, "y").categorical(logits)


def fitted(x: Tensor, y: Tensor, *, passes: int = 60, **options: object) -> SoftmaxRegression:
    model = SoftmaxRegression(LABEL, Space(tuple(x.shape[1:])), **{"tol": 1e-19} | options).to(x.dtype)
    losses = []
    for _ in range(passes):
        model.begin()
        for start in range(0, len(x), 77):
            model.accumulate(Batch(y[start : start + 77], x[start : start + 77]))
        metrics = model.finish()
        losses.append(metrics["loss"])
        if isinstance(metrics, Done):
            break
    assert isinstance(metrics, Done)
    assert all(later <= earlier + 1e-12 for earlier, later in itertools.pairwise(losses))
    return model


@pytest.mark.parametrize("penalty", [1.0, 0.1, 30.0])
@pytest.mark.parametrize("method", ["newton", "bound", "squares"])
def test_the_fit_is_that_of_scikit_learn(method: str, penalty: float, monkeypatch: pytest.MonkeyPatch) -> None:
    import sklearn.linear_model as linear_model

    monkeypatch.setattr(softmax_regression, "NEWTON", 1024 if method == "newton" else 0)
    monkeypatch.setattr(softmax_regression, "WIDEST", 0 if method == "squares" else 2048)
    x, y = labelled()
    model = fitted(x, y, penalty=penalty, passes=600)
    theirs = linear_model.LogisticRegression(C=1 / penalty, solver="newton-cholesky", tol=1e-12, max_iter=1000)
    theirs.fit(x.numpy(), y.numpy())
    assert torch.allclose(model.weight, torch.from_numpy(theirs.coef_), rtol=0, atol=1e-6)
    bias = torch.from_numpy(theirs.intercept_)
    assert torch.allclose(model.bias - model.bias.mean(), bias - bias.mean(), rtol=0, atol=1e-6)
    probs = torch.from_numpy(theirs.predict_proba(x.numpy()))
    assert torch.allclose(model.log_probs(x).exp(), probs, rtol=0, atol=1e-6)


def test_of_two_classes_scikit_learn_penalizes_the_difference() -> None:
    import sklearn.linear_model as linear_model

    x, y = labelled()
    model = SoftmaxRegression(Space((1,), levels=2), Space((4,)), penalty=0.5, tol=1e-15).double()
    for _ in range(40):
        model.begin()
        model.accumulate(Batch((y > 0).long()[:, None], x))
        model.finish()
    theirs = linear_model.LogisticRegression(C=2 / 0.5, solver="newton-cholesky", tol=1e-12).fit(x.numpy(), y > 0)
    assert torch.allclose(model.weight[1] - model.weight[0], torch.from_numpy(theirs.coef_[0]), rtol=0, atol=1e-6)


def test_expected_divergence_is_cross_entropy_minus_entropy() -> None:
    """E_x KL(p̂ ‖ p) over rows that appear several times with several labels."""
    x, counts = labelled(20)[0], Noise(1).integers(9, 20, 3).double() + 1
    model, shares = fitted(*labelled()), counts / counts.sum(1, keepdim=True)
    weights, log_probs = counts.sum(1) / counts.sum(), model.log_probs(x)
    divergence = weights @ (shares * (shares.log() - log_probs)).sum(1)
    rows = torch.arange(20).repeat_interleave(counts.sum(1).long())
    labels = torch.cat([torch.arange(3).repeat_interleave(row.long()) for row in counts])
    cross_entropy = -model.log_prob(labels, x[rows]).mean()
    entropy = weights @ -(shares * shares.log()).sum(1)
    assert divergence.item() == pytest.approx((cross_entropy - entropy).item(), abs=1e-12)


def test_the_gradient_is_that_of_autograd() -> None:
    x, y = labelled()
    model = SoftmaxRegression(LABEL, Space((4,))).double()
    model.solver.point.copy_(Noise(2).normal(3, 5, dtype=torch.float64))
    model.begin()
    model.accumulate(Batch(y, x))
    point = model.solver.point.clone().requires_grad_()

    def nats(point: Tensor) -> Tensor:
        logits = torch.nn.functional.pad(x, (0, 1), value=1.0) @ point.reshape(3, 5).T
        return torch.nn.functional.cross_entropy(logits, y, reduction="sum")

    (gradient,) = torch.autograd.grad(nats(point), point)
    curvature = torch.autograd.functional.hessian(nats, point.detach().flatten())
    assert torch.allclose(model.sums, gradient, rtol=0, atol=1e-9)
    assert torch.allclose(model.curvature, curvature, rtol=1e-9, atol=1e-9)


def test_a_fit_cut_in_two_goes_on() -> None:
    x, y = labelled()
    halves = [SoftmaxRegression(LABEL, Space((4,))).double() for _ in range(2)]
    for passes in range(6):
        model = halves[passes // 3]
        if passes == 3:
            model.load_state_dict(halves[0].state_dict())
        model.begin()
        model.accumulate(Batch(y, x))
        model.finish()
    whole = SoftmaxRegression(LABEL, Space((4,))).double()
    for _ in range(6):
        whole.begin()
        whole.accumulate(Batch(y, x))
        whole.finish()
    assert torch.equal(whole.weight, halves[1].weight)


def test_separable_rows_without_a_penalty_come_to_an_end() -> None:
    x = torch.tensor([[-1.0], [0.0], [1.0]]).double().repeat(5, 1)
    y = torch.arange(3).repeat(5)
    model = fitted(x, y, penalty=0.0, tol=1e-6)
    assert (model.log_probs(x).argmax(1) == y).all()


def test_conditions_of_all_kinds_are_features() -> None:
    given = {
        "age": Space(()),
        "job": Space((), levels=4),
        "member": Space((), levels=2),
        "pixels": Space((2,), levels=5),
    }
    model = SoftmaxRegression(LABEL, given)
    rows = {
        "age": torch.tensor([40.0]),
        "job": torch.tensor([2]),
        "member": torch.tensor([1]),
        "pixels": torch.tensor([[1, 4]]),
    }
    assert model.features(rows).tolist() == [[40.0, 0.0, 0.0, 1.0, 0.0, 1.0, 0.25, 1.0, 1.0]]
    assert model.weight.shape == (3, 8)


def test_samples_follow_the_conditional() -> None:
    model = fitted(*labelled())
    row = torch.tensor([[3.0, 3.0, 3.0, 3.0]]).double()
    drawn = model.sample(4000, row.expand(4000, 4), seed=0).long().bincount(minlength=3) / 4000
    assert (drawn - model.log_probs(row)[0].exp()).abs().max() < 4 * math.sqrt(0.25 / 4000)


def test_missing_conditions_are_refused() -> None:
    x, y = labelled(10)
    x[3, 1] = math.nan
    with pytest.raises(ValueError, match="missing='drop'"):
        fitted(x, y)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"space": Space((2,), levels=4)}, "one label"),
        ({"space": Space(())}, "one label"),
        ({"given_space": None}, "conditions of a fixed shape"),
        ({"given_space": Space((4,), levels=3, ragged=True)}, "fixed shape"),
        ({"penalty": -1.0}, "penalty"),
        ({"tol": 0.0}, "tol"),
    ],
)
def test_impossible_regressions_are_refused(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SoftmaxRegression(**{"space": LABEL, "given_space": Space((2,))} | arguments)


def test_the_minimizer_needs_no_more_than_the_slope() -> None:
    """Rosenbrock's valley, with a guess of the curvature that is far too flat."""
    solver, values = QuasiNewton((2,)), []
    for _ in range(200):
        x = solver.trial.clone().requires_grad_()
        value = (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2
        solver.tell(value.item(), torch.autograd.grad(value, x)[0], lambda g: g)
        values.append(solver.value)
    assert torch.allclose(solver.point, torch.ones(2).double(), atol=1e-6)
    assert all(later <= earlier for earlier, later in itertools.pairwise(values))


def test_the_minimizer_survives_a_step_into_nothing() -> None:
    solver = QuasiNewton((1,))
    for _ in range(80):
        x = solver.trial.clone().requires_grad_()
        value = (x - (1 + x).log()).sum()  # undefined below −1
        solver.tell(value.item(), torch.autograd.grad(value, x)[0], lambda g: 1e3 * g)
    assert abs(solver.point.item()) < 1e-6
