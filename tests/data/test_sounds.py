"""Sounds: WAV without a library, exact where it can be; rates, lengths, the μ-law; what is refused."""

import struct
import wave
from pathlib import Path

import numpy as np
import pytest
import torch

from genzoo.core import Noise, Space
from genzoo.data import DataError, SoundCodec, codec_from_json, read
from genzoo.data.codecs.audio import companded, decode_sound, expanded


def pcm(n: int, seed: int = 0) -> np.ndarray:
    return (Noise(seed).integers(65536, 1, n)[0] - 32768).numpy().astype("<i2")


def wav(path: Path, values: np.ndarray, rate: int = 8000, channels: int = 1) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(values.dtype.itemsize)
        file.setframerate(rate)
        file.writeframes(values.tobytes())
    return path


def folder(path: Path) -> Path:
    for i in range(12):
        wav(path / "sounds" / f"{i}.wav", pcm(50 + i, seed=i))
    rows = [f"sounds/{i}.wav,{i % 3},{'ab'[i % 2]},{'test' if i > 9 else 'train'}" for i in range(12)]
    (path / "metadata.csv").write_text("\n".join(["file,digit,speaker,split", *rows]))
    return path


def test_a_folder_with_metadata(tmp_path: Path) -> None:
    data = read(folder(tmp_path / "digits"), given=["digit", "speaker"])
    assert (data.name, data.space) == ("digits", Space((61,), ragged=True))
    assert data.given_space == {"digit": Space((), levels=3), "speaker": Space((), levels=2)}
    assert len(data.test) == 2
    assert data.x.isnan().sum(1).sort().values.tolist() == list(range(12))
    assert data.codec == SoundCodec(8000)
    assert codec_from_json(data.codec.to_json()) == data.codec


def test_sixteen_bits_survive_exactly(tmp_path: Path) -> None:
    data = read(folder(tmp_path))
    for path in data.codec.save_each(data.x, tmp_path / "again"):
        names = {file.read_bytes() for file in (tmp_path / "sounds").iterdir()}
        assert path.read_bytes() in names
    extremes = torch.tensor([[-32768, -1, 0, 1, 32767]]) / 32768
    codec = SoundCodec(8000)
    assert codec.load(codec.save(extremes, tmp_path / "x.wav")).equal(extremes)


def test_several_rows_are_heard_one_after_another(tmp_path: Path) -> None:
    path = SoundCodec(8000).save(torch.tensor([[0.5, 0.25], [1.0, torch.nan]]), tmp_path / "x.wav")
    assert SoundCodec(8000).load(path)[0, [0, 1, 2, 2001, 2002]].tolist() == [0.5, 0.25, 0, 0, 32767 / 32768]


def test_lengths_and_rates_are_what_was_asked(tmp_path: Path) -> None:
    data = read(folder(tmp_path), length=55)
    assert (data.space, data.x.isnan().any()) == (Space((55,)), torch.tensor(False))
    assert data.notes == ("cut 6 sounds and padded 5 with silence to 55 samples",)
    time = np.arange(8000) / 8000
    wav(tmp_path / "sines" / "a.wav", (20_000 * np.sin(2 * np.pi * 440 * time)).astype("<i2"))
    twice = read(tmp_path / "sines", rate=16000).x[0]
    expected = torch.from_numpy(20_000 / 32768 * np.sin(2 * np.pi * 440 * np.arange(16000) / 16000)).float()
    assert float((twice - expected)[200:-200].abs().max()) < 1e-3
    wav(tmp_path / "sines" / "b.wav", pcm(100), rate=11025)
    with pytest.raises(DataError, match=r"one rate, got \[8000, 11025\].*Pass rate=8000"):
        read(tmp_path / "sines")
    assert read(tmp_path / "sines", rate=8000).notes == ("resampled 1 of 2 sounds to 8000 samples a second",)


def test_the_law_is_its_formula_and_reads_back(tmp_path: Path) -> None:
    levels = torch.arange(256).to(torch.uint8)
    assert companded(expanded(levels)).equal(levels)
    x = torch.linspace(-1, 1, 4001)
    assert float((expanded(companded(x)) - x).abs().max()) < 0.023
    near = torch.linspace(-0.01, 0.01, 2001)
    assert float((expanded(companded(near)) - near).abs().max()) < 4e-4  # fine where it is quiet
    data = read(folder(tmp_path), encoding="mulaw")
    assert data.space == Space((61,), levels=256, ragged=True)
    assert int(data.x.max()) == 256
    path = data.codec.save(levels[None], tmp_path / "x.wav")
    assert data.codec.load(path).equal(levels[None])


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_widths_and_channels(width: int, tmp_path: Path) -> None:
    values = np.array([-128, -64, 0, 64], dtype=np.int64) << 8 * (width - 1)
    unsigned = (values + 128 if width == 1 else values).astype("<i8")
    frames = unsigned.view(np.uint8).reshape(-1, 8)[:, :width].copy()
    path = tmp_path / "x.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((2, width, 8000, 0, "NONE", ""))
        file.writeframes(frames.tobytes())
    assert decode_sound("x", path.read_bytes())[0].tolist() == [-0.75, 0.25]


def test_flac_is_read_by_the_library(tmp_path: Path) -> None:
    import soundfile

    values = pcm(300)
    soundfile.write(tmp_path / "x.flac", values, 8000)
    assert read(tmp_path).x[0].equal(torch.from_numpy(values / np.float32(32768)))
    soundfile.write(tmp_path / "y.wav", values / np.float32(32768), 8000, subtype="FLOAT")
    assert len(read(tmp_path)) == 2


def test_more_than_an_hour_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    wav(tmp_path / "long.wav", np.zeros(3601, np.uint8), rate=1)
    with pytest.raises(DataError, match="at most an hour long, got 1.0 hours"):
        read(tmp_path)


def test_bad_sounds_are_listed_or_skipped(tmp_path: Path) -> None:
    folder(tmp_path)
    for i in (3, 11):
        (tmp_path / "sounds" / f"{i}.wav").write_bytes(b"RIFF" + struct.pack("<I", 9) + b"WAVEno")
    with pytest.raises(DataError, match=r"(?s)2 of 12 sounds cannot be read.*sounds/3\.wav.*sounds/11\.wav"):
        read(tmp_path)
    data = read(tmp_path, skip_bad=True, given="digit")
    assert (len(data), len(data.test), len(data.skipped)) == (10, 1, 2)
    assert data.given.tolist() == [0, 1, 2, 1, 2, 0, 1, 2, 0, 1]


def test_errors_about_what_was_asked(tmp_path: Path) -> None:
    folder(tmp_path)
    for options, message in (
        ({"encoding": "alaw"}, "must be one of raw, mulaw"),
        ({"rate": 0}, "`rate` must lie in"),
        ({"length": 0}, "`length` must be at least 1"),
        ({"given": "digits"}, "Did you mean 'digit'"),
    ):
        with pytest.raises(DataError, match=message):
            read(tmp_path, **options)
    with pytest.raises(DataError, match="must have 16000 samples a second, got 8000"):
        SoundCodec(16000).load(tmp_path / "sounds" / "0.wav")
