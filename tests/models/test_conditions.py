"""One condition for every family: texts, pictures, sounds, labels, vectors, each alone, together, or missing."""

import pytest
import torch
from torch import Tensor

from genzoo.core import Batch, GenerativeModel, Noise, Space, is_null
from genzoo.models.autoregressive import MADE
from genzoo.nn import Conditioning, Embedding
from genzoo.nn.characters import CODE_POINTS
from genzoo.training import TrainConfig, train
from genzoo.zoo import recipe_named

SCENE = {
    "label": Space((), levels=3),
    "text": Space((6,), levels=CODE_POINTS, ragged=True),
    "image": Space((1, 8, 8), levels=256),
    "sound": Space((300,)),
    "angle": Space((2,)),
}
IMAGE, REALS = Space((1, 8, 8), levels=17), Space((3,))


def scene(n: int) -> dict[str, Tensor]:
    noise = Noise(5, "scene")
    ends = torch.arange(6) >= 1 + noise.integers(6, n, 1)
    text = torch.tensor([*map(ord, "ad 红星а")])[noise.integers(6, n, 6)].masked_fill(ends, CODE_POINTS)
    return {
        "label": noise.integers(3, n),
        "text": text,
        "image": noise.integers(256, n, 1, 8, 8).to(torch.uint8),
        "sound": noise.normal(n, 300),
        "angle": noise.normal(n, 2),
    }


FAMILIES = {
    "vae": (IMAGE, {}),
    "wgan_gp": (IMAGE, {}),
    "ddpm": (IMAGE, {"width": 8}),
    "flow_matching": (REALS, {"width": 16, "depth": 1}),
    "realnvp": (REALS, {}),
    "made": (Space((6,), levels=3), {"width": 32}),
    "gpt": (Space((6,), levels=3), {"width": 16, "depth": 1, "heads": 2}),
}


@pytest.fixture(scope="module", params=FAMILIES)
def model(request: pytest.FixtureRequest) -> GenerativeModel:
    space, arguments = FAMILIES[request.param]
    found = recipe_named(request.param)(space, SCENE, drop_given=0.3, **arguments).model
    with torch.no_grad():
        for name, parameter in found.named_parameters():
            noise = Noise(3, name).normal(1, parameter.numel()).reshape(parameter.shape)
            parameter.add_(0.05 * noise.to(parameter))
    return found


def test_every_family_takes_the_same_conditions(model: GenerativeModel) -> None:
    given, options = scene(4), {"steps": 2} if "steps" in model.options("draw") else {}
    x = model.sample(4, given, seed=0, **options)
    assert x.shape == (4, *model.space.shape)
    for player in model.train().players():
        loss = player.loss(Batch(x, given, Noise(0)))
        assert (loss if isinstance(loss, Tensor) else loss["loss"]).isfinite()


KINDS = {  # of what is drawn, each by a family that draws it
    "label": ("made", Space((1,), levels=3), {"width": 16}),
    "levels": ("made", Space((6,), levels=3), {"width": 16}),
    "text": ("gpt", Space((5,), levels=7, ragged=True), {"width": 16, "depth": 1, "heads": 2}),
    "reals": ("realnvp", REALS, {}),
    "sound": ("flow_matching", Space((64,)), {"net": "line", "width": 8, "depth": 1}),
    "image": ("text_to_image", Space((3, 8, 8), levels=256), {"width": 32, "depth": 1}),
    "clip": ("flow_matching", Space((2, 1, 8, 8), levels=256), {"net": "unet", "width": 8, "depth": 1}),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", SCENE)
def test_every_kind_of_row_is_learned_given_every_kind_of_condition(kind: str, name: str) -> None:
    """After three steps (silent layers wake in the first) the condition's own weights have moved."""
    recipe, space, arguments = KINDS[kind]
    model = recipe_named(recipe)(space, {name: SCENE[name]}, drop_given=0.0, **arguments).model
    x = Noise(1).normal(4, *space.shape) if space.levels is None else Noise(1).integers(space.levels, 4, *space.shape)
    x = x if space.levels is None else x.to(getattr(torch, space.dtype))
    before = [
        p.detach().clone() for part in model.modules() if isinstance(part, Conditioning) for p in part.parameters()
    ]
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for step in range(3):
        (player,) = model.train().players()
        loss = player.loss(Batch(x, {name: scene(4)[name]}, Noise(2).tick(step)))
        optimizer.zero_grad()
        (loss if isinstance(loss, Tensor) else loss["loss"]).backward()
        optimizer.step()
    after = [p for part in model.modules() if isinstance(part, Conditioning) for p in part.parameters()]
    assert before
    assert any(not torch.equal(a, b) for a, b in zip(before, after, strict=True))


def test_every_name_matters_and_missing_is_null(model: GenerativeModel) -> None:
    told = [part for part in model.modules() if isinstance(part, Conditioning)]
    assert told
    given = scene(4)
    full = model.checked_given(given, 4)
    for name in SCENE:
        less = model.checked_given({key: rows for key, rows in given.items() if key != name}, 4)
        assert is_null(less[name]).all()
        for part in told:
            assert not torch.equal(part(full).values, part(less).values)


def test_an_empty_text_is_not_no_text(model: GenerativeModel) -> None:
    given = model.checked_given(scene(2), 2)
    empty, none = ({**given, "text": torch.full((2, 6), value)} for value in (CODE_POINTS, -1))
    for part in model.modules():
        if isinstance(part, Conditioning | Embedding):
            said = [part(given) for given in (empty, none)]
            said = [one if isinstance(one, Tensor) else one.values for one in said]
            assert not torch.allclose(*said)


def test_padding_and_null_are_masked() -> None:
    told = Conditioning(SCENE, 8)
    given = {**scene(3), "text": torch.tensor([[1, 2, *[CODE_POINTS] * 4], [-1] * 6, [1, 2, 3, 4, 0, 1]])}
    given["image"] = given["image"].to(torch.int16)
    given["image"][1] = -1
    present = told(given).present.split(told.counts, dim=1)
    assert present[1].int().tolist() == [[1, 1, 1, 0, 0, 0], [1, 0, 0, 0, 0, 0], [1] * 6]
    assert [part.tolist() for part in present[2].sum(1, keepdim=True)] == [[64], [1], [64]]
    alone = told(
        {**given, "text": given["text"].clone().masked_fill(given["text"] == CODE_POINTS, CODE_POINTS)}
    ).values
    assert alone[0, 4:7].abs().sum() == 0  # what is not there says nothing


def test_bytes_stay_bytes_until_they_are_embedded() -> None:
    model = recipe_named("vae")(REALS, {"image": Space((3, 32, 32), levels=256)}, drop_given=0.0).model
    rows = torch.zeros(4, 3, 32, 32, dtype=torch.uint8)
    assert model.checked_given({"image": rows}, 4)["image"].dtype == torch.uint8
    assert model.given_of(Batch(torch.zeros(4, 3), {"image": rows}))["image"] is rows


def test_a_missing_name_means_its_marginal() -> None:
    """x = 2a + b, exactly: given b alone, x is b or 2 + b, half and half."""
    label = Space((), levels=2)
    model = MADE(Space((1,), levels=4), {"a": label, "b": label}, width=32, depth=1, drop_given=0.3)
    a, b = torch.arange(4000) % 2, torch.arange(4000) // 2 % 2
    data = Batch((2 * a + b)[:, None].to(torch.uint8), {"a": a, "b": b})
    model.prepare([data])
    trained = train(model, Told(data), TrainConfig(steps=250, batch_size=256, lr=2e-2), say=lambda _: None).model
    x = torch.arange(4, dtype=torch.uint8)[:, None]

    def masses(**given: int) -> list[float]:
        return trained.log_prob(x, dict(given)).exp().tolist()

    assert masses(b=1) == pytest.approx([0, 0.5, 0, 0.5], abs=0.04)
    assert masses(a=0) == pytest.approx([0.5, 0.5, 0, 0], abs=0.04)
    assert masses(a=1, b=0) == pytest.approx([0, 0, 1, 0], abs=0.02)
    assert masses() == pytest.approx([0.25] * 4, abs=0.04)


class Told:
    """A batch as rows of data."""

    def __init__(self, batch: Batch) -> None:
        self.batch, self.fingerprint = batch, "told"

    def __len__(self) -> int:
        return len(self.batch)

    def gather(self, index: Tensor, *, seed: int = 0, epoch: int = 0) -> tuple[Tensor, dict[str, Tensor]]:
        return self.batch.x[index], {name: rows[index] for name, rows in self.batch.given.items()}
