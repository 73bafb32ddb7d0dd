"""The decoder-only transformer: GPT-2's own answers, what it may not see, what it keeps, what it is asked for."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from genzoo.core import Batch, Noise, Space
from genzoo.distributions.levels import flattened
from genzoo.models.autoregressive import GPT, from_gpt2
from genzoo.models.choice import Choice, chosen
from genzoo.nn import FAST, GPT2
from genzoo.testing import conditions, rows
from tests.golden.frozen import frozen
from tests.golden.gpt2 import DEPTH, HEADS, PLACES, SYMBOLS, WIDTH
from tests.zoo.autoregressive import gpt
from tests.zoo.entry import LABEL, TEXT, WORDS

STYLES = pytest.mark.parametrize("style", [FAST, GPT2], ids=["fast", "gpt2"])


@pytest.fixture(scope="module")
def oracle() -> dict[str, Tensor]:
    return frozen("gpt2")


def saved(folder: Path, oracle: dict[str, Tensor], prefix: str = "", **changed: object) -> Path:
    """The golden weights in a folder, as Hugging Face's transformers saves them."""
    folder.mkdir(exist_ok=True)
    named = {name.removeprefix("weights/"): t for name, t in oracle.items() if name.startswith("weights/")}
    mask = {"h.0.attn.bias": torch.ones(1, 1, PLACES, PLACES)}  # older files hold it
    save_file({prefix + name: t.contiguous() for name, t in (named | mask).items()}, folder / "model.safetensors")
    config = {"n_positions": PLACES, "vocab_size": SYMBOLS, "n_embd": WIDTH, "n_layer": DEPTH, "n_head": HEADS}
    (folder / "config.json").write_text(json.dumps(config | changed))
    return folder


@pytest.fixture(scope="module")
def gpt2(oracle: dict[str, Tensor], tmp_path_factory: pytest.TempPathFactory) -> GPT:
    return from_gpt2(saved(tmp_path_factory.mktemp("gpt2"), oracle))


def test_files_in_the_format_of_gpt2_are_read_or_refused(oracle: dict[str, Tensor], gpt2: GPT, tmp_path: Path) -> None:
    other = from_gpt2(saved(tmp_path / "named", oracle, prefix="transformer.", n_inner=4 * WIDTH))
    assert all(torch.equal(a, b) for a, b in zip(gpt2.parameters(), other.parameters(), strict=True))
    assert other.sample(1, seed=0).shape == (1, PLACES)
    for changed, said in (
        ({"activation_function": "relu"}, "activation_function must be 'gelu_new'"),
        ({"n_layer": DEPTH + 1}, "model.safetensors must hold what config.json describes"),
        ({"n_layer": 10**9}, "got 2 layers"),
        ({"vocab_size": 10**9}, r"got 'table.weight' of shape"),
        ({"n_head": 0}, "0 heads"),
        ({"n_embd": True}, r"got none for \['n_embd'\]"),
        ({"n_embd": None}, r"got none for \['n_embd'\]"),
    ):
        with pytest.raises(ValueError, match=said):
            from_gpt2(saved(tmp_path / "odd", oracle, **changed))
    spoilt = saved(tmp_path / "spoilt", oracle | {"weights/wte.weight": torch.full((SYMBOLS, WIDTH), torch.nan)})
    with pytest.raises(ValueError, match="must hold finite weights, and 'wte.weight' is not"):
        from_gpt2(spoilt)
    (tmp_path / "odd" / "model.safetensors").write_bytes(b"no weights")
    (tmp_path / "odd" / "config.json").write_text((tmp_path / "named" / "config.json").read_text())
    with pytest.raises(ValueError, match=r"model.safetensors must be whole"):
        from_gpt2(tmp_path / "odd")
    with pytest.raises(ValueError, match="got neither"):
        from_gpt2(tmp_path)


def test_logits_are_those_of_gpt2(gpt2: GPT, oracle: dict[str, Tensor]) -> None:
    with torch.no_grad():
        logits = gpt2.logits(oracle["tokens"])
    assert torch.allclose(logits, oracle["logits"], rtol=0, atol=1e-5)
    nats = -logits.log_softmax(-1)[:, :-1].gather(2, oracle["tokens"][:, 1:, None]).mean()
    assert nats.item() == pytest.approx(oracle["loss"].item(), abs=1e-5)


def test_logits_one_by_one_are_those_of_gpt2(gpt2: GPT, oracle: dict[str, Tensor]) -> None:
    tokens = oracle["tokens"]
    with torch.no_grad():
        caches = gpt2.transformer.caches(len(tokens), like=gpt2.table.weight)
        first = gpt2.logits(tokens[:, :7], caches=caches)
        rest = [gpt2.logits(tokens[:, t : t + 1], caches=caches) for t in range(7, PLACES)]
    assert torch.allclose(torch.cat([first, *rest], 1), oracle["logits"], rtol=0, atol=1e-5)


def test_choices_are_those_of_transformers(oracle: dict[str, Tensor]) -> None:
    for name, option in (("top_k", {"top_k": 7}), ("top_p", {"top_p": 0.7})):
        for scores, kept in zip(oracle["scores"], oracle[name], strict=True):
            drawn = chosen(scores.expand(20_000, -1), Noise(0), Choice(**option))
            shares = drawn.bincount(minlength=SYMBOLS) / len(drawn)
            expected = scores.masked_fill(~kept, -torch.inf).softmax(-1)
            assert not shares[~kept].any()
            assert torch.allclose(shares.double(), expected.double(), atol=0.02)


@STYLES
@pytest.mark.parametrize("given", [None, LABEL], ids=["alone", "given"])
def test_nothing_later_is_seen(style: object, given: Space | None) -> None:
    space = Space((9,), levels=5)
    model = gpt(space, given, style=style).double().eval()
    tokens, rule = torch.arange(27).reshape(3, 9) % 5, conditions(given, 3)
    with torch.no_grad():
        logits = model.logits(tokens, rule)
        for t in range(9):
            changed = tokens.clone()
            changed[:, t:] = (changed[:, t:] + 1) % 5
            assert torch.equal(model.logits(changed, rule)[:, :t], logits[:, :t])
            assert not torch.allclose(model.logits(changed, rule)[:, t], logits[:, t])


@STYLES
def test_drawing_with_a_cache_is_drawing_without(style: object) -> None:
    model = gpt(Space((12,), levels=7), TEXT, style=style, drop_given=0.1).double().eval()
    given = {name: part.double() if part.is_floating_point() else part for name, part in conditions(TEXT, 5).items()}
    x, noise = model.sample(5, given, seed=3).long(), Noise(3, "sample")
    start = torch.full((5, 1), 7)
    with torch.no_grad():
        logits = model.logits(torch.cat([start, x[:, :-1]], 1), given)
    again = [noise.tick(t).categorical(logits[:, t]) for t in range(12)]
    assert torch.equal(torch.stack(again, 1), x)


def test_log_prob_is_the_sum_over_symbols_and_the_end() -> None:
    model = gpt(WORDS).double().eval()
    x = torch.tensor([[0, 2, 3, 3], [1, 1, 0, 2], [3, 3, 3, 3]])
    with torch.no_grad():
        log_probs = model.logits(torch.cat([torch.full((3, 1), 3), x[:, :-1]], 1)).log_softmax(-1)
        picked = log_probs.gather(2, x[:, :, None]).squeeze(2)
        expected = torch.stack([picked[0, :3].sum(), picked[1].sum(), picked[2, 0]])
        assert torch.allclose(model.log_prob(x), expected)
        assert torch.allclose(model.log_prob(x[:1, :2]), expected[:1])  # a batch of short rows may be narrow
        assert torch.allclose(model.log_prob(x[2:, :1]), expected[2:])


def test_rows_of_short_sequences_end_early() -> None:
    model = gpt(WORDS).eval()
    with torch.no_grad():
        model.head.weight.zero_()
        model.head.weight[3] = 0.0
    x = model.sample(2000, seed=0)
    lengths = (x != 3).sum(1)
    shares = lengths.bincount(minlength=5) / 2000  # a fair die of four sides, one of them the end
    assert torch.allclose(shares, torch.tensor([1 / 4, 3 / 16, 9 / 64, 27 / 256, 81 / 256]), atol=0.04)
    assert ((x == 3).int().diff(dim=1) >= 0).all()


def test_prefixes_are_kept_and_followed() -> None:
    model = gpt(Space((6,), levels=3)).eval()
    both = torch.tensor([[0, 1], [2, 2]])
    assert torch.equal(model.sample(2, seed=0, prefix=both)[:, :2], both.byte())
    same = model.sample(2, seed=0, prefix=torch.tensor([2, 2]))
    assert torch.equal(same[1], model.sample(2, seed=0, prefix=both)[1])
    assert torch.equal(model.sample(2, seed=0, prefix=model.sample(2, seed=1)), model.sample(2, seed=1))
    assert torch.equal(model.sample(2, seed=0, prefix=torch.zeros(0, dtype=torch.int64)), model.sample(2, seed=0))


def test_samples_given_a_prefix_follow_the_conditional() -> None:
    model = gpt(Space((3,), levels=3)).double().eval()
    x = torch.cartesian_prod(torch.tensor([1]), torch.arange(3), torch.arange(3))
    with torch.no_grad():
        expected = model.log_prob(x).softmax(0)
    drawn = model.sample(20_000, seed=0, prefix=torch.tensor([1])).long()
    shares = (drawn[:, 1] * 3 + drawn[:, 2]).bincount(minlength=9) / 20_000
    assert torch.allclose(shares.double(), expected.double(), atol=0.02)


def test_temperature_sharpens() -> None:
    model = gpt(Space((8,), levels=4)).eval()
    likeliest = model.sample(3, seed=0, temperature=0.0)
    assert torch.equal(likeliest, model.sample(3, seed=1, top_k=1))
    with torch.no_grad():
        means = [model.log_prob(model.sample(500, seed=0, temperature=t)).mean() for t in (0.3, 1.0, 3.0)]
    assert means[0] > means[1] > means[2]


def test_many_rows_are_drawn_and_scored_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    model = gpt(WORDS, LABEL).double().eval()
    given = conditions(LABEL, 7)
    with torch.no_grad():
        whole = model.sample(7, given, seed=2)
        nats = model.log_prob(whole, given)
        monkeypatch.setattr("genzoo.models.stepping.ROWS", 3)
        monkeypatch.setattr("genzoo.models.autoregressive.gpt.PLACES", 8)
        assert torch.equal(model.sample(7, given, seed=2), whole)
        assert torch.allclose(model.log_prob(whole, given), nats)


def test_images_are_read_pixel_by_pixel() -> None:
    x = torch.arange(12, dtype=torch.uint8).reshape(1, 3, 2, 2)
    assert flattened(x, Space((3, 2, 2), levels=12)).tolist() == [[0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11]]
    model = gpt(Space((3, 2, 2), levels=12))
    half = flattened(x, model.space)[:, :6]
    assert torch.equal(model.sample(1, seed=0, prefix=half)[0, :, 0], x[0, :, 0])


def test_it_learns_a_rule() -> None:
    space = Space((8,), levels=4, ragged=True)
    model = GPT(space, width=16, depth=2, heads=2).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    first = torch.arange(4)[:, None]
    x = torch.nn.functional.pad((first + torch.arange(5)) % 4, (0, 3), value=4)  # four rows, log 4 nats apart
    for step in range(100):
        optimizer.zero_grad()
        model.loss(Batch(x, noise=Noise(0).tick(step))).backward()
        optimizer.step()
    assert model.log_prob(x).mean().item() == pytest.approx(-(torch.tensor(4.0).log().item()), abs=0.05)
    assert sum(row.tolist() in x.tolist() for row in model.sample(50, seed=0)) >= 47


def test_dropped_conditions_train_the_null() -> None:
    model = gpt(WORDS, TEXT, drop_given=0.5).train()
    model.loss(Batch(rows(WORDS, 32), conditions(TEXT, 32), Noise(0))).backward()
    label, words, _ = model.prefix.parts
    for part in (label, words):
        assert part.table.weight.grad[part.null].any()


def test_impossible_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="levels"):
        GPT(Space((3,)))
    with pytest.raises(ValueError, match="Flatten"):
        GPT(Space((3, 2), levels=2, ragged=True))
    with pytest.raises(ValueError, match="Take 6"):
        GPT(WORDS, width=8, heads=3)
    model = gpt(WORDS)
    with pytest.raises(ValueError, match="end of a row"):
        model.log_prob(torch.tensor([[0, 3, 1, 3]]))
    with pytest.raises(ValueError, match="shape"):
        model.log_prob(torch.zeros(2, 5, dtype=torch.int64))
    for options in ({"temperature": -1.0}, {"top_k": 0}, {"top_p": 0.0}, {"prefix": torch.tensor([3])}):
        with pytest.raises(ValueError, match=next(iter(options))):
            model.sample(2, seed=0, **options)
    with pytest.raises(ValueError, match="prefix"):
        model.sample(2, seed=0, prefix=torch.zeros(3, 2, dtype=torch.int64))
