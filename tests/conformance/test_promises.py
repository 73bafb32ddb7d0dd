"""Every model of the zoo against what it promises: all of them cheaply, and one of each kind in training."""

import pytest
import torch
from torch.distributions import Normal

from genzoo.core import Capability
from genzoo.testing import check
from tests.zoo import ZOO, made_ready, shown, subject

EACH = pytest.mark.parametrize("name", ZOO)
COUNTED = {  # by hand
    "ppca": 3 + 3 * 1 + 1,
    "factor_analysis": 3 + 3 * 1 + 3,
    "softmax_regression": (3 - 1) * (3 + 1),
    "hmm": (3 - 1) + 3 * (3 - 1) + 3 * 2 * (3 - 1),
    "hmm/bits": (2 - 1) + 2 * (2 - 1) + 2 * 3,
    "hmm/reals": (2 - 1) + 2 * (2 - 1) + 2 * 2,
    "histogram/reals": 15,
    "gaussian_mixture/diag": 3 * (2 + 2) + 2 - 1,
}


def test_the_suite_forbids_global_draws() -> None:
    with pytest.raises(AssertionError, match="noise"):
        Normal(0.0, 1.0).sample()


@EACH
def test_it_is_what_it_declares_and_its_weights_are_all_of_it(name: str) -> None:
    entry = ZOO[name]
    model, other = made_ready(name, torch.get_default_dtype()), entry.make()
    assert model.likelihood is entry.likelihood
    assert {each.value for each in Capability if model.can(each)} == entry.capabilities
    assert model.can("condition") == bool(model.given_space)
    assert name not in COUNTED or model.parameter_count == COUNTED[name]
    other.load_state_dict(model.state_dict())
    assert torch.equal(shown(other.eval(), 7, seed=4), shown(model, 7, seed=4)), "its weights make another model"


@EACH
def test_the_contract_holds(name: str) -> None:
    asked = {finding.promise for finding in check(subject(name), "contract")}
    assert ("samples are rows of the space" in asked) == ("sample" in ZOO[name].capabilities)
    assert ("encoding and decoding are functions" in asked) == ("encode" in ZOO[name].capabilities)


@pytest.mark.parametrize("name", [name for name in ZOO if "/" not in name or "several" in name])
def test_it_is_used_as_it_says(name: str) -> None:
    asked = {finding.promise for finding in check(subject(name), "use")}
    assert ("every condition is used" in asked) == ("condition" in ZOO[name].capabilities)


DENSITIES = [name for name, entry in ZOO.items() if entry.likelihood.value == "exact"]


@pytest.mark.parametrize("name", [name for name in ZOO if name in DENSITIES or name.startswith("standardized/")])
def test_the_density_is_one(name: str) -> None:
    asked = {finding.promise for finding in check(subject(name), "density")}
    assert "scores are gradients" in asked or name not in DENSITIES or "score" not in ZOO[name].capabilities


TRAINED = [name for name, entry in ZOO.items() if entry.rounds or "direct_fit" in entry.capabilities]


@pytest.mark.parametrize("name", TRAINED)
def test_it_trains(name: str) -> None:
    assert check(subject(name), "training")
