"""Made told from real: ranks against all pairs, thresholds against what they promise, writers against each other."""

from pathlib import Path

import pytest
import torch
from PIL import Image

from genzoo.core import Noise
from genzoo.distributions.estimate import TooFew
from genzoo.evaluation import require_one_writer, told_apart, wave_powers
from genzoo.evaluation.detection import auroc

NORMAL = Noise(0, "detection")


def test_the_area_is_the_share_of_pairs_in_order() -> None:
    made, real = NORMAL.at("made").normal(30).round(decimals=1) + 0.5, NORMAL.at("real").normal(40).round(decimals=1)
    pairs = (made[:, None] > real).double() + 0.5 * (made[:, None] == real).double()
    assert auroc(made, real).value == pytest.approx(pairs.mean().item())
    many = [auroc(NORMAL.at(k, 1).normal(30) + 0.5, NORMAL.at(k, 2).normal(40)) for k in range(300)]
    spread = torch.tensor([each.value for each in many]).std().item()
    assert sum(each.error for each in many) / 300 == pytest.approx(spread, rel=0.15)


def test_false_alarms_are_as_many_as_were_asked_for() -> None:
    """Whatever the score, on average over calibration rows: here a skewed one, and few rows."""
    shares, known = [], 59
    for k in range(400):
        scores = NORMAL.at("alarms", k).normal(known + 100).exp()
        shares.append(told_apart(scores[:20], scores[known:], scores[:known], alarms=0.1).alarms.value)
    assert sum(shares) / 400 == pytest.approx(0.1, abs=0.008)


def test_a_threshold_needs_as_many_rows_as_its_share() -> None:
    scores = torch.arange(30.0)
    with pytest.raises(TooFew, match="99"):
        told_apart(scores, scores, scores, alarms=0.01)
    with pytest.raises(TooFew, match="20"):
        told_apart(scores[:3], scores, scores)
    with pytest.raises(ValueError, match="NaN"):
        told_apart(torch.full((30,), torch.nan), scores, scores)
    with pytest.raises(ValueError, match="between 0 and 1"):
        told_apart(scores, scores, scores, alarms=0.0)


def test_waves_are_counted_by_their_length_and_in_every_direction() -> None:
    place = torch.arange(16.0)
    wave = (2 * torch.pi * 4 * place / 16).cos()
    along, across = wave.expand(16, 16), wave[:, None].expand(16, 16)
    told = wave_powers(torch.stack([along, across, 3 * along])[:, None])
    assert told.argmax(1).tolist() == [4, 4, 4]
    assert torch.allclose(told[0], told[1], atol=1e-9)
    assert (told[2] - told[0])[4].item() == pytest.approx(torch.tensor(9.0).log().item(), abs=1e-6)
    assert wave_powers(torch.zeros(2, 3, 5, 8)).isfinite().all()
    with pytest.raises(ValueError, match="pictures"):
        wave_powers(torch.zeros(2, 8))


def test_what_a_writer_gives_away_is_refused(tmp_path: Path) -> None:
    image = Image.new("L", (8, 8), 90)
    image.save(tmp_path / "a.png")
    image.save(tmp_path / "b.png")
    image.save(tmp_path / "c.jpg", quality=75)
    image.save(tmp_path / "d.jpg", quality=90)
    Image.new("L", (9, 8)).save(tmp_path / "e.png")
    Image.new("RGB", (8, 8)).save(tmp_path / "f.png")
    files = {path.stem: path for path in tmp_path.iterdir()}
    assert require_one_writer([files["a"]], [files["b"]]) == "PNG, L, 8×8"
    assert "tables" in require_one_writer([files["c"]], [files["c"]])
    for other in "cef":
        with pytest.raises(ValueError, match="one writer"):
            require_one_writer([files["a"]], [files[other]])
    with pytest.raises(ValueError, match="one writer"):
        require_one_writer([files["c"]], [files["d"]])
    with pytest.raises(ValueError, match="one writer"):  # some of one set alone
        require_one_writer([files["a"], files["e"]], [files["b"]])
    with pytest.raises(ValueError, match="none of one"):
        require_one_writer([], [files["b"]])
    (tmp_path / "g.png").write_bytes(b"no picture")
    with pytest.raises(ValueError, match="g.png"):
        require_one_writer([tmp_path / "g.png"], [files["b"]])


def test_a_mark_of_ours_gives_it_away_too(tmp_path: Path) -> None:
    from genzoo.data.marks import marked

    Image.new("L", (8, 8)).save(tmp_path / "real.png")
    (tmp_path / "made.png").write_bytes(marked((tmp_path / "real.png").read_bytes(), "receipt"))
    with pytest.raises(ValueError, match="genzoo"):
        require_one_writer([tmp_path / "made.png"], [tmp_path / "real.png"])
