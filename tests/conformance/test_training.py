"""Training is a game: a plain PyTorch loop over `players()` is all that a model may need."""

import itertools
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from genzoo.core import Done, GenerativeModel, Instant, Noise, Player
from tests.zoo import ZOO, batch, ready


def movable(model: GenerativeModel) -> list[nn.Parameter]:
    """What training may move: all but the parts that a model keeps frozen."""
    return [parameter for parameter in model.parameters() if parameter.requires_grad]


def loss_of(player: Player, model: GenerativeModel, page: int) -> Tensor:
    loss = player.loss(batch(model, 32, page))
    return loss if isinstance(loss, Tensor) else loss["loss"]


def play(model: GenerativeModel, rounds: int, only: str | None = None) -> Iterator[tuple[str, float]]:
    """A loop that knows nothing but the contract; it shows the losses that it lowers."""
    model.train()
    players, free = [player for player in model.players() if only in (None, player.name)], movable(model)
    optimizers = [torch.optim.Adam(player.parameters(), **{"lr": 1e-2} | dict(player.optimizer)) for player in players]
    for page in range(rounds):
        for player, optimizer in zip(players, optimizers, strict=True):
            optimizer.zero_grad()
            model.requires_grad_(False)
            for parameter in player.parameters():
                parameter.requires_grad_(True)
            loss = loss_of(player, model, page)
            loss.backward()
            optimizer.step()
            if player.after is not None:
                player.after(Instant(page, page / rounds, Noise(4, "after").tick(page)))
            yield player.name, loss.item()
    for parameter in free:
        parameter.requires_grad_(True)


def test_every_parameter_moves_under_its_player(name: str) -> None:
    model = ready(name)
    if model.can("direct_fit"):
        assert not movable(model)
        return
    before = {key: value.clone() for key, value in model.named_parameters() if value.requires_grad}
    for _ in play(model, 8):
        pass
    still = [key for key, value in model.named_parameters() if key in before and torch.equal(value, before[key])]
    # The null condition is met only by rows that dropped theirs, and a constant in a critic or an energy cancels.
    assert [
        key
        for key in still
        if "null" not in key
        and not key.endswith(("critic.last.bias", "critic.net.last.bias", "potential.net.last.bias"))
    ] == []


def test_only_the_players_parameters_get_gradients(name: str) -> None:
    model = ready(name).train()
    if model.can("direct_fit"):
        return
    for player in model.players():
        model.zero_grad()
        model.requires_grad_(False)
        for parameter in player.parameters():
            parameter.requires_grad_(True)
        loss_of(player, model, 0).backward()
        moving = {id(parameter) for parameter in player.parameters()}
        assert {id(p) for p in model.parameters() if p.grad is not None} <= moving
        assert any(p.grad is not None and p.grad.any() for p in player.parameters())


def test_players_share_out_all_parameters(name: str) -> None:
    model = ready(name)
    owned = [id(parameter) for player in model.players() for parameter in player.parameters()]
    assert sorted(owned) == sorted(id(parameter) for parameter in movable(model))


def test_the_loss_falls(name: str) -> None:
    model = ready(name)
    if model.can("direct_fit"):
        return
    first = model.players()[0]  # of two players the first alone, against one that stands still
    model.train()
    before = loss_of(first, model, 99).item()
    for _ in play(model, ZOO[name].rounds, only=first.name):
        pass
    assert loss_of(first, model, 99).item() < before


def test_no_pass_lowers_the_likelihood(name: str) -> None:
    model = ready(name)
    if not model.can("direct_fit"):
        return
    data, losses = batch(model, 200), []
    model.prepare([data])
    for _ in range(100):
        model.begin()
        for part in (data[:70], data[70:71], data[71:]):
            model.accumulate(part)
        metrics = model.finish()
        losses.append(metrics["loss"])
        if isinstance(metrics, Done):
            break
    assert isinstance(metrics, Done)
    assert all(later <= earlier + 1e-6 for earlier, later in itertools.pairwise(losses))
    assert losses[-1] < losses[0] or len(losses) == 1  # a closed form is there at once


def test_statistics_of_parts_add_up(name: str) -> None:
    model = ready(name)
    if not model.can("direct_fit"):
        return
    data, sums = batch(model, 60), []
    for parts in ([data], [data[:17], data[17:]]):
        model.begin()
        for part in parts:
            model.accumulate(part)
        sums.append([tensor.clone() for tensor in model.statistics()])
    for whole, added in zip(*sums, strict=True):
        assert torch.allclose(whole, added, rtol=1e-4, atol=1e-3)
