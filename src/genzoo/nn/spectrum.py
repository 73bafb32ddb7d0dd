"""Sounds as images: the logarithm of the energy in bands of frequency that the ear tells apart."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

__all__ = ["LogMel", "mel_bands"]

HEIGHT = 60.0  # the largest distance from the loudest place, in decibels
SILENCE = 1e-10  # the energy below which there is no loudest place


def mel_bands(rate: int, window: int, bands: int) -> Float[Tensor, "bands bins"]:
    """Triangles over the bins of a Fourier transform, equally wide in mel,

    $$ m(f) = 2595 \\log_{10}(1 + f / 700). $$

    Args:
        rate: Samples a second.
        window: Samples of a frame.
        bands: How many.

    Example:
        >>> mel_bands(8000, 256, 32).shape
        torch.Size([32, 129])

    References:
        O'Shaughnessy, 1987, "Speech communication: human and machine"
    """
    frequency = torch.linspace(0, rate / 2, window // 2 + 1, dtype=torch.float64)
    highest = 2595 * math.log10(1 + rate / 2 / 700)
    edges = 700 * (10 ** (torch.linspace(0, highest, bands + 2, dtype=torch.float64) / 2595) - 1)
    low, middle, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising, falling = (frequency - low) / (middle - low), (high - frequency) / (high - middle)
    return torch.minimum(rising, falling).clamp_min(0).float()


class LogMel(nn.Module):
    """The log-mel spectrogram of the first stretch of a sound, as an image of bands by frames in about [−1, 1].

    The loudest place is at 1, and what is 60 dB quieter or more at −1, so that the volume does not count.

    Args:
        rate: Samples a second.
        length: Samples of the stretch; shorter sounds are followed by silence.
        bands: The height of the image.
        window: Samples of a frame.
        hop: Samples from one frame to the next.

    Example:
        >>> sound = torch.sin(torch.arange(4000.0)[None])
        >>> LogMel(8000, 8000)(sound).shape
        torch.Size([1, 1, 32, 63])
    """

    bank: Tensor
    taper: Tensor

    def __init__(self, rate: int, length: int, *, bands: int = 32, window: int = 256, hop: int = 128) -> None:
        super().__init__()
        self.length, self.window, self.hop = length, window, hop
        self.register_buffer("bank", mel_bands(rate, window, bands), persistent=False)
        self.register_buffer("taper", torch.hann_window(window), persistent=False)

    def forward(self, sound: Float[Tensor, "B T"]) -> Float[Tensor, "B 1 bands frames"]:
        sound = sound[:, : self.length]
        sound = nn.functional.pad(sound, (self.window // 2, self.length - sound.shape[1] + self.window // 2))
        frames = sound.unfold(1, self.window, self.hop) * self.taper
        energy = torch.fft.rfft(frames).abs().square() @ self.bank.T
        share = energy / energy.amax((1, 2), keepdim=True).clamp_min(SILENCE)
        decibels = 10 * share.clamp_min(10 ** (-HEIGHT / 10)).log10()
        return (1 + 2 * decibels / HEIGHT).mT[:, None]
