"""What every model promises: rows of its space, seeds that name them, honest refusals, and no trace of its use."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from genzoo.core import (
    Batch,
    Capability,
    Denoiser,
    GenerativeModel,
    Given,
    Likelihood,
    Noise,
    Player,
    Unsupported,
    null_like,
)
from genzoo.core.given import given_rows
from genzoo.testing.promise import ROWS, Broken, Subject, hold, promise, same

__all__ = ["loss_of"]


# --- samples --------------------------------------------------------------------------------------------------------


@promise("sample")
def samples_are_rows_of_the_space(subject: Subject) -> None:
    model, given = subject.model, subject.batch(5).given
    x = model.sample(5, given, seed=0, **subject.options)
    hold(tuple(x.shape) == (5, *model.space.shape), f"5 samples have shape {tuple(x.shape)}")
    hold(x.dtype == getattr(torch, model.space.dtype), f"samples are {x.dtype}, the space's are {model.space.dtype}")
    hold(not x.requires_grad, "samples require gradients")
    hold(x.isfinite().all(), "samples are not finite")
    hold(model.checked(x) is x, "the model's own check of rows changes samples")
    none = model.sample(0, subject.batch(0).given, seed=0, **subject.options)
    hold(tuple(none.shape) == (0, *model.space.shape), f"no samples have shape {tuple(none.shape)}")


@promise("sample")
def a_row_depends_on_seed_and_number_alone(subject: Subject) -> None:
    """Levels are asked in double precision: in single a rounding error may move one across its edge."""
    subject = subject.double() if subject.model.space.is_discrete else subject
    model, given = subject.model, subject.batch(13).given

    def part(first: int, last: int, seed: int = 5) -> Tensor:
        return model.sample(
            last - first, given_rows(given, slice(first, last)), seed=seed, start=first, **subject.options
        )

    whole = part(0, 13)
    parts = {first: part(first, last) for first, last in ((9, 13), (0, 1), (1, 9))}
    hold(same(torch.cat([parts[0], parts[1], parts[9]]), whole), "13 rows at once differ from 4, 1 and 8")
    if torch.equal(part(0, 13, seed=6), whole):  # as where rows are a function of the condition, and of no noise
        one = model.sample(4, subject.alike(4), seed=5, **subject.options)
        hold(bool(subject.given) and torch.equal(one, one[:1].expand_as(one)), "two seeds give the same rows")
        return
    free = [model.sample(13, given, **subject.options) for _ in range(2)]
    hold(not torch.equal(*free), "two calls without a seed give the same rows")


@promise("log_prob")
def log_prob_is_one_number_a_row_whatever_stands_beside_it(subject: Subject) -> None:
    model, data = subject.model, subject.batch(13)
    log_prob = model.log_prob(data.x, data.given, seed=5, **subject.scoring)
    hold(tuple(log_prob.shape) == (13,), f"log_prob of 13 rows has shape {tuple(log_prob.shape)}")
    hold(log_prob.isfinite().all(), "log_prob is not finite on rows of the space")
    if model.space.is_discrete and model.likelihood in (Likelihood.EXACT, Likelihood.BOUND):
        hold((log_prob <= 0).all(), f"the log of a mass is positive: {log_prob.max().item():g}")
    tail = model.log_prob(data.x[9:], data[9:].given, seed=5, start=9, **subject.scoring)
    hold(torch.allclose(log_prob[9:], tail, rtol=1e-5, atol=1e-5), "the last rows alone have other log_prob")


@promise("encode")
def encoding_and_decoding_are_functions(subject: Subject) -> None:
    model, data = subject.model, subject.batch(3)
    with torch.no_grad():
        z, again = (model.encode(x, data.given) for x in (data.x, data.x.cpu().numpy()))
        hold(len(z) == 3, f"3 rows have {len(z)} latents")
        hold(torch.equal(z, again), "a row is encoded in two ways, as a tensor and as an array")
        if subject.can("decode"):
            x, same_ = (model.decode(w, data.given) for w in (z, z.cpu().numpy()))
            hold(torch.equal(x, same_), "a latent is decoded in two ways, as a tensor and as an array")
            hold(
                x.shape == data.x.shape,
                f"latents of rows of shape {tuple(data.x.shape)} are decoded to {tuple(x.shape)}",
            )
            hold(model.checked(x).dtype == data.x.dtype, f"latents of {data.x.dtype} are decoded to {x.dtype}")


@promise()
def what_is_told_of_a_row_does_not_depend_on_those_beside_it(subject: Subject) -> None:
    subject = subject.double() if subject.trained else subject  # what is trained may stretch a rounding error
    data = subject.batch(4)
    for name, tell in _told_by_row(subject).items():
        whole, part = tell(data.x, data.given)[1:3], tell(data.x[1:3], data[1:3].given)
        hold(same(whole, part), f"{name}: rows 1 and 2 of four are told otherwise than the two alone")


def _told_by_row(subject: Subject) -> dict[str, Callable[[Tensor, Given], Tensor]]:
    """What a model tells of each of some rows without noise, which belongs to a row's number."""
    model, told = subject.model, dict[str, Callable[[Tensor, Given], Tensor]]()
    if subject.can("encode"):
        told["encode"] = lambda x, given: model.encode(x, given).detach()
    if subject.can("encode", "decode"):
        told["a reconstruction"] = lambda x, given: model.decode(model.encode(x, given), given).detach()
    if subject.can("score") and model.likelihood is Likelihood.EXACT:
        told["score"] = model.score
    if (denoiser := model.ability(Denoiser)) is not None:
        x_t, t = denoiser.start(4, Noise(4)).to(model.dtype), torch.tensor(0.3, dtype=model.dtype)
        told["denoise"] = lambda x, given: denoiser.denoise(x_t[1:3] if len(x) == 2 else x_t, t, given).detach()
    return told


# --- conditions -----------------------------------------------------------------------------------------------------


@promise("sample")
def conditions_have_one_row_per_row(subject: Subject) -> None:
    wrong = subject.batch(3).given or torch.zeros(4)
    refuses(lambda: subject.model.sample(4, wrong, seed=0, **subject.options), "a condition of other rows")


@promise("sample", "condition")
def null_conditions_are_taken_or_refused(subject: Subject) -> None:
    model, null = subject.model, null_like(subject.batch(4).given)
    if not model.takes_null():
        refuses(lambda: model.sample(4, seed=0, **subject.options), "no condition, where none was dropped in training")
        return
    hold(
        same(model.sample(4, seed=0, **subject.options), model.sample(4, null, seed=0, **subject.options)),
        "no condition and null rows sample unlike",
    )
    if subject.can("log_prob"):
        x = subject.x[:4]
        hold(
            torch.equal(model.log_prob(x, **subject.scoring), model.log_prob(x, null, **subject.scoring)),
            "no condition and null rows have unlike log_prob",
        )


# --- refusals -------------------------------------------------------------------------------------------------------


def refuses(call: Callable[[], object], what: str, kind: type[Exception] = ValueError) -> None:
    """Raises `Broken` unless a call is refused with a sentence."""
    try:
        call()
    except kind as error:
        hold(len(str(error)) > 20, f"{what}: is refused without a word")
        return
    raise Broken(f"{what}: is not refused")


@promise()
def what_it_cannot_do_it_refuses(subject: Subject) -> None:
    model, data = subject.model, subject.batch(4)
    calls: dict[str, Callable[[], object]] = {
        "sample": lambda: model.sample(4, data.given, **subject.options),
        "log_prob": lambda: model.log_prob(data.x, data.given, **subject.scoring),
        "encode": lambda: model.encode(data.x, data.given),
        "decode": lambda: model.decode(torch.zeros(4, 2), data.given),
        "score": lambda: model.score(data.x.float(), data.given),
        "loss": lambda: model.loss(data),
    }
    for capability, call in calls.items():
        if not model.can(capability):
            refuses(call, capability, Unsupported)
        elif capability in ("score", "loss"):  # promises of their own call the others
            call()
    refuses(lambda: model.can("fly"), "an unknown capability")
    hold(subject.can("sample") or subject.can("encode"), "it neither samples nor encodes")
    hold(all(isinstance(model.can(capability), bool) for capability in Capability), "`can` is no yes or no")
    fits = not any(parameter.requires_grad for parameter in model.parameters())
    hold(model.can("direct_fit") == fits, "a direct fit has no parameters to train, and all else has some")


@promise("log_prob")
def foreign_rows_are_refused(subject: Subject) -> None:
    model, given = subject.model, subject.batch(2).given
    refuses(lambda: model.log_prob(torch.zeros(2, 7, 1, 2), given, **subject.scoring), "rows of another shape")
    wrong = torch.zeros(2, *model.space.shape, dtype=torch.float32 if model.space.is_discrete else torch.int64)
    refuses(lambda: model.log_prob(wrong, given, **subject.scoring), "reals for levels, or levels for reals")


@promise()
def it_names_itself_and_counts_its_parameters(subject: Subject) -> None:
    model = subject.model
    hold(type(model).__name__ in repr(model), "its repr does not name it")
    least = max(1, sum(p.numel() for p in model.parameters()))
    hold(model.parameter_count >= least, f"it counts {model.parameter_count} parameters and holds {least}")
    hold(model.can("log_prob") == (model.likelihood is not Likelihood.NONE), "it has a likelihood of a kind or none")


# --- state ----------------------------------------------------------------------------------------------------------


@promise()
def use_leaves_no_trace(subject: Subject) -> None:
    """Sampling and scoring move no weight, no flag, no global randomness; a loss may move statistics."""
    model = subject.copy().train()
    data, before, outside = subject.batch(6), _state(model), _randomness()
    hold(model.parameter_count > 0, "it counts no parameter")
    if subject.can("sample"):
        model.sample(3, data[:3].given, seed=0, **subject.options)
        model.sample(3, data[:3].given, **subject.options)
    if subject.can("log_prob"):
        model.log_prob(data.x, data.given, **subject.scoring)
    if subject.can("encode"):
        z = model.encode(data.x, data.given)
        if subject.can("decode"):
            model.decode(z, data.given)
    hold(_state(model) == before, f"it changes {', '.join(_changed(before, _state(model)))}")
    if subject.can("direct_fit"):
        model.prepare([subject.batch(ROWS)])
    else:
        for player in model.players():
            player.loss(data)
    hold(_randomness() == outside, "it draws from global randomness")


def _state(model: GenerativeModel) -> dict[str, object]:
    """Every weight to the bit, and every flag of training."""
    tensors = {name: (t.shape, t.detach().cpu().numpy().tobytes()) for name, t in model.state_dict().items()}
    flags = {f"{name}.training": part.training for name, part in model.named_modules()}
    return {**tensors, **flags}


def _changed(before: dict[str, object], after: dict[str, object]) -> list[str]:
    return [name for name in {**before, **after} if before.get(name) != after.get(name)]


def _randomness() -> tuple[object, ...]:
    state: Any = np.random.get_state(legacy=False)  # noqa: NPY002
    numbers = state.pop("state")
    return torch.get_rng_state().numpy().tobytes(), numbers["key"].tobytes(), numbers["pos"], state


@promise()
def a_double_model_needs_no_double_world(subject: Subject) -> None:
    subject = subject.double()
    model, data = subject.model, subject.batch(4)
    if subject.can("sample"):
        model.checked(model.sample(4, data.given, seed=0, **subject.options))
    if subject.can("log_prob"):
        log_prob = model.log_prob(data.x, data.given, **subject.scoring)
        hold(log_prob.dtype == torch.float64 or model.can("direct_fit"), f"its log_prob is {log_prob.dtype}")
    if not subject.can("direct_fit"):
        for player in model.players():
            player.loss(data)


# --- the game -------------------------------------------------------------------------------------------------------


def loss_of(player: Player, batch: Batch) -> Tensor:
    """What a player lowers."""
    loss = player.loss(batch)
    return loss if isinstance(loss, Tensor) else loss["loss"]


def trains(subject: Subject) -> bool:
    return not subject.can("direct_fit")


@promise(asked=trains)
def losses_depend_on_their_noise_alone(subject: Subject) -> None:
    model = subject.copy().train()
    for player in model.players():
        first, second = (loss_of(player, subject.batch(8)) for _ in range(2))
        hold(torch.equal(first, second), f"{player.name}: one batch has two losses")
        hold(first.shape == (), f"{player.name}: the loss has shape {tuple(first.shape)}")


@promise()
def players_share_out_all_parameters(subject: Subject) -> None:
    model = subject.model
    owned: dict[int, tuple[frozenset[int], str]] = {}  # by parameter, what its player moves and how
    for player in model.players():
        way = frozenset(map(id, player.parameters())), repr(sorted(player.optimizer.items()))
        for parameter in way[0]:
            hold(owned.setdefault(parameter, way) == way, "two players move one parameter in unlike ways")
    free = {id(p): name for name, p in model.named_parameters() if p.requires_grad}
    hold(set(owned) == set(free), f"no player moves {[name for key, name in free.items() if key not in owned]}")


@promise(asked=trains)
def a_loss_reaches_the_parameters_of_its_player_and_no_others(subject: Subject) -> None:
    """From weights that are stirred, since a layer that starts at zero hides those before it."""
    model, owned, reached = subject.stirred().train(), set[str](), set[str]()
    for player in model.players():
        turn(model, player)
        loss_of(player, subject.batch(32)).backward()
        its = {id(parameter) for parameter in player.parameters()}
        for name, parameter in model.named_parameters():
            mine = id(parameter) in its
            hold(mine or parameter.grad is None, f"{player.name}: the loss reaches {name}, which is another's")
            owned |= {name} if mine else set()
            reached |= {name} if parameter.grad is not None and bool(parameter.grad.any()) else set()
    if subject.trained:  # a part that it has outgrown is shown no more
        return
    silent = {name for name in owned - reached if not (subject.still and name.endswith(subject.still))}
    hold(not silent, f"no loss reaches {', '.join(sorted(silent))}")


def turn(model: nn.Module, player: Player) -> Sequence[nn.Parameter]:
    """Makes it a player's turn: its parameters alone are free, and no gradient is left."""
    model.zero_grad()
    model.requires_grad_(False)
    its = player.parameters()
    for parameter in its:
        parameter.requires_grad_(True)
    return its
