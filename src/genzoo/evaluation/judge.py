"""Judges: small networks that recognize what a data set shows, so that samples can be compared by what they show.

A judge gives features, in which distances mean more than in pixels, and the probabilities of classes. It is a model of
the label given x like any other, trained by the same engine; those that come with the package are remade by
`genzoo reproduce judge-NAME`, and each carries the accuracy that it has on rows it never saw.

References:
    Salimans et al., 2016, "Improved techniques for training GANs", arXiv:1606.03498 (a classifier as the judge)
    Xu et al., 2018, "An empirical study on evaluation metrics of generative adversarial networks", arXiv:1806.07755
"""

import copy
import dataclasses
import functools
import json
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float, Shaped
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from genzoo._files import check_plain, told
from genzoo._weights import check_finite
from genzoo.core import Batch, Space, Trainable, seeded
from genzoo.core.model import evaluating
from genzoo.data.codecs.audio import expanded
from genzoo.data.data import fingerprint
from genzoo.data.view import intensity
from genzoo.evaluation.rows import in_chunks
from genzoo.nn.pyramid import Pyramid
from genzoo.nn.spectrum import LogMel
from genzoo.nn.views import GREY

if TYPE_CHECKING:
    from genzoo.data import Data

__all__ = [
    "Judge",
    "JudgeSettings",
    "is_picture",
    "judge_made_for",
    "judges",
    "read_judge",
    "shipped_judge",
    "write_judge",
]

LEAST_SIDE = 4  # pixels
MOST_LOOKED_AT = 2000  # images that the span of real numbers is taken from
RECORD = "judge"  # the key of what the file's header says


@dataclasses.dataclass(frozen=True)
class JudgeSettings:
    """What a judge is made of.

    Attributes:
        data: The data set that it was made for.
        shape: Of one x; of sounds, the samples that it listens to.
        classes: The names of the classes.
        widths: The channels of each stage; the last is the length of the features.
        levels: Of the data that it was trained on; others are brought to its scale.
        stride: Of the first convolution.
        rate: Samples a second, of sounds only.
        dropout: The share of features hidden from the last layer in training.
        places: The side of the grid of places that the last layer sees; 1: their mean, which the features are.
    """

    data: str
    shape: tuple[int, ...]
    classes: tuple[str, ...]
    widths: tuple[int, ...]
    levels: int | None = 256
    stride: int = 2
    rate: int | None = None
    dropout: float = 0.2
    places: int = 1

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> "JudgeSettings":
        """The settings that a header says."""
        said: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in fields.items()}
        return cls(**said)


class Judge(Trainable):
    """A network that gives features of x and the probabilities of its classes, p(label | x).

    Args:
        settings: What it is made of.
        record: What is known of its training: accuracy, data, settings, versions.

    Attributes:
        space: What the rows are that it is shown: those that it was trained on, unless `on` another space.
        classes: The names of the classes.
        dims: The length of its features.
        accuracy: The share of held-out rows that it names rightly, `None` before that was measured.

    Example:
        >>> from genzoo.data import read
        >>> digits = read("digits", given="label")
        >>> judge = shipped_judge("digits")
        >>> judge(digits.test.x).shape
        torch.Size([160, 48])
        >>> digits.test.given[:5], judge.probabilities(digits.test.x[:5]).argmax(1)
        (tensor([9, 7, 2, 2, 3]), tensor([9, 7, 2, 2, 3]))
    """

    def __init__(self, settings: JudgeSettings, record: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        self.settings, self.record = settings, dict(record or {})
        self.space = Space(settings.shape, levels=settings.levels)
        self.span: tuple[float, float] | None = None
        self.classes, self.dims = list(settings.classes), settings.widths[-1]
        shape = settings.shape
        self.front = _Pixels(shape) if settings.rate is None else _Sound(settings.rate, shape[0])
        channels = settings.shape[0] if settings.rate is None else 1
        self.net = Pyramid(channels, settings.widths, stride=settings.stride)
        self.hidden = nn.Dropout(settings.dropout)
        self.head = nn.Linear(self.dims * settings.places**2, len(settings.classes))

    @property
    def name(self) -> str:
        """What it is called: what it was made for, and how it sees other images."""
        made = self.record.get("title", f"judge-{self.settings.data}")
        if self.fits(self.space):
            return made
        return f"{made}, resized from {_size(self.space.shape)} to {_size(self.settings.shape)}"

    @property
    def accuracy(self) -> float | None:
        """The share of held-out rows that it names rightly."""
        return self.record.get("accuracy")

    @functools.cached_property
    def fingerprint(self) -> str:
        """A short hash of the weights and of what happens before them."""
        before = () if self.fits(self.space) else (self.space.shape,)
        before = before if self.span is None else (*before, self.span)
        return fingerprint(json.dumps(dataclasses.asdict(self.settings)), dict(self.state_dict()), *before)

    def on(self, space: Space, span: tuple[float, float] | None = None) -> "Judge":
        """The same judge for rows of another space: other levels, sounds of another length, images of another size or
        color, which it sees at its own. Its name says so.

        Args:
            space: What a row is.
            span: The real numbers that are black and white, where they are not 0 and 1.

        Raises:
            ValueError: If it cannot see such rows at all.
        """
        if self.settings.rate is not None:
            if len(space.shape) != 1:
                raise ValueError(f"{self.name} judges sounds, of shape (samples,), got {space.shape}. Choose another.")
        elif space.shape != self.settings.shape and not _can_resize(space, self.settings.shape[0]):
            raise ValueError(
                f"{self.name} judges grey or color images of {LEAST_SIDE} pixels a side or more, got {space.shape}. "
                "Choose another judge."
            )
        other = copy.copy(self)
        other.__dict__.pop("fingerprint", None)  # it names the size that is seen
        other.space, other.span = space, span
        return other

    def knows(self, data: "Data") -> bool:
        """Whether data are those that it was made for, so that it has classes and they are theirs."""
        made = data.name in (self.settings.data, self.record.get("data")) or _plain(data.name) == self.settings.data
        return made and len(self.classes) > 1 and (self.fits(data.space) or "label" in self.record)

    def fits(self, space: Space) -> bool:
        """Whether rows of a space are shown to it as they are: sounds, or images of its own size."""
        return self.settings.rate is not None or space.shape == self.settings.shape

    def forward(self, x: Shaped[Tensor, "n *shape"]) -> Float[Tensor, "n D"]:
        """The features of rows."""
        return self._of(x, lambda part: self.features(part).mean((2, 3)))

    def probabilities(self, x: Shaped[Tensor, "n *shape"]) -> Float[Tensor, "n classes"]:
        """The probability of each class."""
        return self._of(x, lambda part: self.head(self.seen(self.features(part))).softmax(-1))

    def maps(self, x: Shaped[Tensor, "n *shape"]) -> Float[Tensor, "n places"]:
        """Longer features, which tell where things are: what the last layer sees."""
        return self._of(x, lambda part: self.seen(self.features(part)))

    def shown(self, x: Shaped[Tensor, "B *shape"]) -> Float[Tensor, "B C H W"]:
        """A batch as the network sees it: brightness between 0 and 1, or a spectrum."""
        if self.span is not None:
            low, high = self.span
            x = (x - low) / (high - low)
        return self.front(x, self.space)

    def features(self, x: Shaped[Tensor, "B *shape"]) -> Float[Tensor, "B D h w"]:
        """The feature maps of a batch, with gradients."""
        return self.net.maps(self.shown(x))

    def seen(self, maps: Float[Tensor, "B D h w"]) -> Float[Tensor, "B places"]:
        """What the last layer sees of feature maps: the means over a grid of places."""
        return nn.functional.adaptive_avg_pool2d(maps, self.settings.places).flatten(1)

    def loss(self, batch: Batch) -> Tensor:
        """The cross-entropy of the labels, −log p(label | x), nats."""
        if len(batch.given) != 1:
            raise ValueError(
                "A judge learns one label per row, got none or several. Read the data with given='label'."
            )
        (label,) = batch.given.values()
        x = self.shown(batch.x)
        x = self.front.varied(x, batch) if self.training else x
        return nn.functional.cross_entropy(self.head(self.hidden(self.seen(self.net.maps(x)))), label.long())

    def _of(self, x: Tensor, function: Any) -> Tensor:
        with evaluating(self):
            return in_chunks(function, x, device=self.head.weight.device)


def span_of(data: "Data") -> tuple[float, float] | None:
    """The real numbers that are black and white in data; None where they are 0 and 1, or levels.

    Args:
        data: Images.

    Example:
        >>> from genzoo.data import read
        >>> span_of(read(2 * torch.rand(40, 1, 8, 8) - 1)) is None, span_of(read("digits")) is None
        (False, True)
    """
    if data.space.levels is not None or not is_picture(data.space):
        return None
    x = data.train.head(MOST_LOOKED_AT)[0].float()
    low, high = float(x.min()), float(x.max())
    return None if (low >= 0 and high <= 1) or low == high else (low, high)


class _Pixels(nn.Module):
    """Images as brightness in [0, 1], of one size and color."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.shape = shape

    def forward(self, x: Tensor, space: Space) -> Tensor:
        x = intensity(x, space)
        if space.shape == self.shape:
            return x
        channels, *size = self.shape
        if channels != 4 and x.shape[1] == 4:
            x = x[:, :3] * x[:, 3:] + 1 - x[:, 3:]  # over white
        if channels == 1 and x.shape[1] == 3:
            x = (x * torch.tensor(GREY, device=x.device)[:, None, None]).sum(1, keepdim=True)
        if tuple(x.shape[2:]) != tuple(size):
            x = nn.functional.interpolate(x, size, mode="bilinear", antialias=True)
        return x.expand(-1, channels, -1, -1)

    def varied(self, x: Tensor, batch: Batch) -> Tensor:
        """Images as they are: the view of the data varies them."""
        return x


class _Sound(nn.Module):
    """Sounds as log-mel images; padding is silence."""

    def __init__(self, rate: int, length: int) -> None:
        super().__init__()
        self.spectrum = LogMel(rate, length)

    def forward(self, x: Tensor, space: Space) -> Tensor:
        if space.levels is None:
            return self.spectrum(x.float().nan_to_num(0.0))
        sound = expanded(x.clamp_max(space.levels - 1).to(torch.uint8))
        return self.spectrum(sound.masked_fill(x >= space.levels, 0.0))

    def varied(self, x: Tensor, batch: Batch) -> Tensor:
        """Images moved along both axes, with a stretch of bands and one of frames hidden."""
        noise = batch.noise.at("varied")
        for axis, most in ((2, 2), (3, 10)):
            side = x.shape[axis]
            move = noise.integers(2 * most + 1, len(x)) - most
            place = (torch.arange(side) - move[:, None]).to(x.device)
            shape = [len(x), 1, *(side if i == axis else 1 for i in (2, 3))]
            index = place.clamp(0, side - 1).reshape(shape).expand_as(x)
            x = x.gather(axis, index).masked_fill((place != place.clamp(0, side - 1)).reshape(shape), -1.0)
            first, width = noise.integers(side, len(x), 1), noise.integers(side // 5, len(x), 1)
            at = torch.arange(side)
            x = x.masked_fill(((at >= first) & (at < first + width)).reshape(shape).to(x.device), -1.0)
        return x


def write_judge(judge: Judge, path: Path) -> Path:
    """Writes a judge to one file, its weights in half precision and its record in the header.

    Args:
        judge: A trained judge.
        path: Where to.
    """
    half = {name: t.half() if t.is_floating_point() else t for name, t in judge.state_dict().items()}
    said = {"settings": dataclasses.asdict(judge.settings), "record": judge.record}
    save_file(
        {name: t.detach().cpu().contiguous() for name, t in half.items()}, path, {RECORD: json.dumps(said, indent=1)}
    )
    return path


def read_judge(path: str | Path) -> Judge:
    """A judge from the file that `write_judge` wrote.

    Args:
        path: The file.

    Raises:
        DataError: If it holds no judge.
    """
    with told(Path(path).name, "hold a judge", "Remake it: genzoo reproduce judge-…"):
        check_plain(path)
        with safe_open(str(path), framework="pt") as file:
            fields = json.loads((file.metadata() or {})[RECORD])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
        check_finite(Path(path).name, tensors)
        with seeded(0):  # its weights are read, not drawn
            judge = Judge(JudgeSettings.from_json(fields["settings"]), fields["record"])
        judge.load_state_dict({name: t.float() if t.is_floating_point() else t for name, t in tensors.items()})
        return judge.eval().requires_grad_(False)


def judges() -> list[str]:
    """The data sets for which a judge comes with the package.

    Example:
        >>> "digits" in judges()
        True
    """
    names = (entry.name for entry in _weights().iterdir())
    return sorted(n.removeprefix("judge-").removesuffix(".safetensors") for n in names if n.startswith("judge-"))


def shipped_judge(data: str) -> Judge:
    """The judge that comes with the package for a data set.

    Args:
        data: The name of the data set.

    Raises:
        ValueError: If there is none.

    Example:
        >>> shipped_judge("digits").classes[:3]
        ['0', '1', '2']
    """
    if data not in judges():
        raise ValueError(f"A judge must be one of {', '.join(judges())}, got {data!r}. Choose one of them.")
    with resources.as_file(_weights() / f"judge-{data}.safetensors") as path:
        return read_judge(path)


@functools.cache
def seen(data: str) -> Judge:
    """The same judge, read once, to be asked what it was made for and not to be changed.

    Args:
        data: The name of the data set.

    Example:
        >>> seen("digits") is seen("digits")
        True
    """
    return shipped_judge(data)


def judge_made_for(data: "Data") -> Judge | None:
    """The judge that comes with the package for a data set, by its name and shape.

    Args:
        data: The data whose samples are to be judged.

    Example:
        >>> from genzoo.data import read
        >>> judge = judge_made_for(read("digits", binarize="threshold"))
        >>> judge.name, judge.space.levels
        ('judge-digits', 2)
        >>> judge_made_for(read("ring")) is None
        True
    """
    rate = getattr(data.codec, "rate", None)
    for name in judges():
        if seen(name).settings.rate == rate and seen(name).knows(data):
            return shipped_judge(name).on(data.space)
    return None


def is_picture(space: Space) -> bool:
    """Whether rows are images of a size at which something can be seen.

    Args:
        space: What a row is.

    Example:
        >>> is_picture(Space((1, 8, 8), levels=2)), is_picture(Space((64,)))
        (True, False)
    """
    return len(space.shape) == 3 and not space.ragged and min(space.shape[1:]) >= LEAST_SIDE


def _can_resize(space: Space, channels: int) -> bool:
    """Whether rows are images that can be brought to other sizes and so many channels."""
    return is_picture(space) and (space.shape[0] == channels or (channels in (1, 3) and space.shape[0] in (1, 3, 4)))


def _plain(name: str) -> str:
    return name.lower().replace("_", "-")


def _size(shape: tuple[int, ...]) -> str:
    channels, height, width = shape
    return f"{height}×{width}×{channels}"


def _weights() -> Any:
    return resources.files("genzoo.evaluation") / "weights"
