"""Pictures of what lies in a plane."""

from collections.abc import Sequence
from typing import NamedTuple

from PIL import Image, ImageDraw

__all__ = ["Canvas"]

Point = tuple[float, float]
PAPER = (250, 250, 247)


class Canvas(NamedTuple):
    """A square picture of a square of the plane, y upwards.

    Attributes:
        image: The picture.
        low: The lower left corner of the square.
        side: Its side.

    Example:
        >>> canvas = Canvas.of((-1.0, -1.0), 2.0, 8)
        >>> canvas.disc((0.0, 0.0), 0.5, (0, 0, 0))
        >>> canvas.image.getpixel((4, 4)), canvas.image.getpixel((0, 0))
        ((0, 0, 0), (250, 250, 247))
    """

    image: Image.Image
    low: Point
    side: float

    @classmethod
    def of(cls, low: Point, side: float, size: int) -> "Canvas":
        """An empty picture.

        Args:
            low: The lower left corner of what is seen.
            side: Its side.
            size: The side of the picture, in pixels.
        """
        return cls(Image.new("RGB", (size, size), PAPER), low, side)

    def at(self, point: Point) -> Point:
        """Where a point lies in the picture, in pixels."""
        scale = self.image.width / self.side
        return (point[0] - self.low[0]) * scale, self.image.height - (point[1] - self.low[1]) * scale

    def disc(self, middle: Point, radius: float, color: tuple[int, int, int], *, hollow: bool = False) -> None:
        """A disc, or its edge."""
        (x, y), r = self.at(middle), radius * self.image.width / self.side
        fill, outline = (None, color) if hollow else (color, None)
        ImageDraw.Draw(self.image).ellipse((x - r, y - r, x + r, y + r), fill=fill, outline=outline)

    def polygon(self, corners: Sequence[Point], color: tuple[int, int, int]) -> None:
        """A filled polygon."""
        ImageDraw.Draw(self.image).polygon([self.at(corner) for corner in corners], fill=color)

    def line(self, points: Sequence[Point], color: tuple[int, int, int], width: int = 1) -> None:
        """A line through points."""
        ImageDraw.Draw(self.image).line([self.at(point) for point in points], fill=color, width=width)
