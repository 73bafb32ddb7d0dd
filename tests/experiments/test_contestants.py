"""Contestants in words, and runs that are gone on with."""

import pytest

from genzoo import Mistake, read
from genzoo.experiments.contestants import budget_in_words, contestant_of, finished, trained
from genzoo.zoo import train


def test_settings_of_the_model_and_of_its_training_are_told_apart():
    found = contestant_of("gpt:width=64:batch_size=8:style=gpt2")
    assert (found.recipe, found.settings, found.train) == ("gpt", {"width": 64, "style": "gpt2"}, {"batch_size": 8})
    assert contestant_of("wgan_gp:lr=1e-3").settings == {"lr": 1e-3}  # the recipe's own comes first
    assert "/" not in contestant_of("vae:latent=3").folder


@pytest.mark.parametrize(
    ("words", "said"),
    [("vea", "'vae'"), ("vae:latnt=3", "latent"), ("vae:latent", "name=value"), ("vae:latent=x", "latent")],
)
def test_words_that_are_none(words, said):
    with pytest.raises(Mistake, match=said):
        contestant_of(words)


def test_a_run_that_is_there_is_found_again_and_another_refused(tmp_path):
    data, path = read("ring"), tmp_path / "g"
    one = contestant_of("gaussian_mixture:components=2")
    first = trained(one, data, path, [], steps=16, seed=0)
    stamp = (path / "model.safetensors").stat().st_mtime_ns
    again = trained(one, data, path, [], steps=16, seed=0)
    assert again.config == first.config
    assert (path / "model.safetensors").stat().st_mtime_ns == stamp
    for other, settings in ((contestant_of("gaussian_mixture:components=3"), {}), (one, {"seed": 1})):
        with pytest.raises(Mistake, match="another run"):
            trained(other, data, path, [], **({"steps": 16, "seed": 0} | settings))


def test_a_run_that_was_stopped_goes_on(tmp_path):
    data, path = read("ring"), tmp_path / "v"
    one = contestant_of("vae:hidden=8")
    trained(one, data, path, [], steps=6, seed=0, checkpoint_every=3)
    whole = (path / "model.safetensors").read_bytes()
    (path / "model.safetensors").unlink()
    trained(one, data, path, [], steps=6, seed=0, checkpoint_every=3)
    assert (path / "model.safetensors").read_bytes() == whole


def test_finished_runs_must_be_of_the_same_data(tmp_path):
    for name, data in (("a", "ring"), ("b", "ring"), ("c", "moons")):
        train("gaussian_mixture", data, out=tmp_path / name, steps=16)
    assert list(finished([tmp_path / "a", tmp_path / "b"])) == ["a", "b"]
    assert list(finished([tmp_path / "a"])) == ["gaussian_mixture"]
    with pytest.raises(Mistake, match="2 fingerprints"):
        finished([tmp_path / "a", tmp_path / "c"])


@pytest.mark.parametrize(
    ("settings", "words"),
    [({"steps": 5000}, "5,000 steps each"), ({"minutes": 0.5}, "0.5 minutes each"), ({}, "each recipe's own budget")],
)
def test_budgets_in_words(settings, words):
    assert budget_in_words(settings) == words


def test_what_has_no_samples_is_not_compared() -> None:
    with pytest.raises(Mistake, match="no samples") as told:
        contestant_of("autoencoder:code=4")
    assert "autoencoder:prior=mixture" in told.value.fix
    assert contestant_of("autoencoder:prior=gaussian").settings == {"prior": "gaussian"}
