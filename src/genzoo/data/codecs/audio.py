"""Sounds as WAV of 16 bits.

References:
    ITU-T, 1988, "Recommendation G.711: pulse code modulation of voice frequencies" (the law, μ = 255)
    van den Oord et al., 2016, "WaveNet: a generative model for raw audio", arXiv:1609.03499 (256 equal steps of it)
"""

import dataclasses
import io
import wave
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Float, Shaped, UInt8
from torch import Tensor

from genzoo._files import read_bytes, told
from genzoo.core.errors import DataError
from genzoo.data.codec import Codec

__all__ = ["SoundCodec", "companded", "decode_sound", "expanded"]

MU = 255
LONGEST = 3600  # seconds
HIGHEST_RATE = 768_000
PAUSE = 0.25  # seconds between sounds of one file
LARGEST = (1 << 32) - 64  # bytes of samples whose number a WAV's header can hold


@dataclasses.dataclass(frozen=True)
class SoundCodec(Codec):
    """Sounds of one channel as WAV: one row sample for sample, several one after another with a pause between.

    Padding of ragged rows (NaN, or the number of levels) is left out.

    Args:
        rate: Samples per second.
        levels: 256 for the μ-law; `None` for reals in [−1, 1].

    Raises:
        DataError: If there are too many samples a second, or levels other than 256.

    Example:
        >>> [round(float(s), 4) for s in SoundCodec(8000, levels=256).samples(torch.tensor([[0, 128, 255, 256]]))[0]]
        [-1.0, 0.0001, 1.0]
    """

    kind: ClassVar[str] = "sound"
    suffix: ClassVar[str] = ".wav"
    rate: int
    levels: int | None = None

    def __post_init__(self) -> None:
        if not 0 < self.rate <= HIGHEST_RATE or self.levels not in (None, 256):
            raise DataError(
                f"Sounds must have up to {HIGHEST_RATE:,} samples a second, 256 levels or None, got {self.rate:,} and "
                f"{self.levels}. Correct them."
            )

    def samples(self, x: Shaped[Tensor, "n T"]) -> list[Float[Tensor, " _"]]:
        """Each row as reals in [−1, 1], without its padding."""
        if self.levels is None:
            return [row[~row.isnan()].clamp(-1, 1) for row in x.detach().cpu().float()]
        return [expanded(row[row.int() < self.levels].to(torch.uint8)) for row in x.detach().cpu()]

    def wavs(self, x: Shaped[Tensor, "n T"]) -> list[bytes]:
        """Every row as a file of its own."""
        found = []
        for row in self.samples(x):
            buffer = io.BytesIO()
            with wave.open(buffer, "wb") as file:
                self._begin(file)
                file.writeframesraw(_sixteen_bits(row))
            found.append(buffer.getvalue())
        return found

    def _begin(self, file: wave.Wave_write) -> None:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(self.rate)

    def save_parts(self, parts: Iterable[Shaped[Tensor, "_ T"]], n: int, path: str | Path) -> Path:
        pause = bytes(2 * int(PAUSE * self.rate))
        sounds = (_sixteen_bits(row) for part in parts for row in self.samples(part))
        with wave.open(str(path), "wb") as file:
            self._begin(file)
            for number, sound in enumerate(sounds):
                if 2 * file.getnframes() + len(pause) + len(sound) > LARGEST:
                    raise DataError(f"A WAV file must hold less than 4 GiB, got {n:,} sounds. Write fewer at once.")
                file.writeframesraw(pause + sound if number else sound)
            if n == 0:
                file.writeframesraw(pause)
        return Path(path)

    def save_each(self, x: Shaped[Tensor, "n T"], folder: str | Path) -> list[Path]:
        """Writes every row to a file of its own; returns the paths."""
        Path(folder).mkdir(parents=True, exist_ok=True)
        width = len(str(max(0, len(x) - 1)))
        paths = [Path(folder) / f"{i:0{width}d}.wav" for i in range(len(x))]
        for path, content in zip(paths, self.wavs(x), strict=True):
            path.write_bytes(content)
        return paths

    def load(self, path: str | Path) -> Shaped[Tensor, "1 T"]:
        name = Path(path).name
        with told(name):
            samples, rate = decode_sound(name, read_bytes(path))
        if rate != self.rate:
            raise DataError(f"{name} must have {self.rate} samples a second, got {rate}. Resample it.")
        return (samples if self.levels is None else companded(samples))[None]


def _sixteen_bits(samples: Float[Tensor, " T"]) -> bytes:
    return (samples.double() * 32768).round().clamp(-32768, 32767).numpy().astype("<i2").tobytes()


def companded(samples: Float[Tensor, "*n"]) -> UInt8[Tensor, "*n"]:
    """Reals in [−1, 1] as 256 levels, equal steps of $\\mathrm{sgn}(x) \\ln(1 + \\mu|x|) / \\ln(1 + \\mu)$, μ = 255.

    Example:
        >>> companded(torch.tensor([-1.0, 0.0, 0.01, 1.0])).tolist()
        [0, 128, 157, 255]
    """
    samples = samples.double().clamp(-1, 1)
    curve = samples.sign() * torch.log1p(MU * samples.abs()) / np.log1p(MU)
    return ((curve + 1) / 2 * MU + 0.5).floor().to(torch.uint8)


def expanded(levels: UInt8[Tensor, "*n"]) -> Float[Tensor, "*n"]:
    """The reals in the middle of each of the 256 levels of `companded`."""
    curve = 2 * levels.double() / MU - 1
    return (curve.sign() * torch.expm1(curve.abs() * np.log1p(MU)) / MU).float()


def decode_sound(name: str, content: bytes) -> tuple[Float[Tensor, " T"], int]:
    """The samples of a file, the mean of its channels in [−1, 1], and how many there are in a second.

    WAV of whole numbers needs no library; for anything else, such as FLAC, there is `soundfile`.

    Raises:
        DataError: If it is no sound, or longer than an hour.
    """
    try:
        with wave.open(io.BytesIO(content)) as file:
            _check_length(name, file.getnframes(), file.getframerate())
            channels, width, rate = file.getnchannels(), file.getsampwidth(), file.getframerate()
            values = _whole_numbers(file.readframes(file.getnframes()), width)
    except (wave.Error, EOFError, RuntimeError) as problem:
        values, channels, rate = _by_library(name, content, problem)
    if not 0 < channels <= len(values):
        raise DataError(f"{name} must hold samples, got none. Remove it.")
    frames = values[: len(values) // channels * channels].reshape(-1, channels)
    mono = frames[:, 0] if channels == 1 else frames.astype(np.float64).mean(1)
    return torch.from_numpy(mono.astype(np.float32)), rate


def _whole_numbers(frames: bytes, width: int) -> np.ndarray:
    """Samples of 8, 16, 24 or 32 bits as reals in [−1, 1)."""
    frames = frames[: len(frames) // width * width]
    if width == 1:
        return (np.frombuffer(frames, dtype=np.uint8).astype(np.float32) - 128) / 128
    if width == 3:
        wide = np.zeros((len(frames) // 3, 4), dtype=np.uint8)
        wide[:, 1:] = np.frombuffer(frames, dtype=np.uint8).reshape(-1, 3)
        return (wide.view("<i4")[:, 0] / 2.0**31).astype(np.float32)
    if width not in (2, 4):
        raise wave.Error(f"samples of {width} bytes")
    return (np.frombuffer(frames, dtype=f"<i{width}") / 2.0 ** (8 * width - 1)).astype(np.float32)


def _by_library(name: str, content: bytes, problem: Exception) -> tuple[np.ndarray, int, int]:
    library = _library(name, content, problem)
    try:
        found = library.info(io.BytesIO(content))
        _check_length(name, found.frames, found.samplerate)
        values, rate = library.read(io.BytesIO(content), dtype="float32", always_2d=True)
    except (library.SoundFileError, RuntimeError, TypeError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        reason = str(error).split(">: ")[-1].rstrip(".")  # without the name of an object in memory
        raise DataError(f"{name} must be a readable sound, got: {reason}. Replace or remove it.") from error
    return np.nan_to_num(values).clip(-1, 1).ravel(), values.shape[1], int(rate)


def _library(name: str, content: bytes, problem: Exception) -> Any:
    try:
        import soundfile
    except (ImportError, OSError):
        what = f"WAV of whole numbers ({problem})" if content[:4] == b"RIFF" else "WAV"
        raise DataError(f"{name} must be {what}, or read by a library. Run: pip install 'genzoo[audio]'") from None
    return soundfile


def _check_length(name: str, frames: int, rate: int) -> None:
    if not 0 < rate <= HIGHEST_RATE:
        raise DataError(f"{name} must have up to {HIGHEST_RATE:,} samples a second, got {rate:,}. Replace it.")
    if frames > LONGEST * rate:
        raise DataError(f"{name} must be at most an hour long, got {frames / rate / 3600:.1f} hours. Cut it.")
