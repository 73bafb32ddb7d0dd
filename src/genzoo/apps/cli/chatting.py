"""Talking with a model of text: what it answers, letter by letter."""

import itertools
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from genzoo.apps.cli.mistakes import tell
from genzoo.apps.cli.using import RunPath, loaded_on, sampling_options
from genzoo.apps.cli.words import pairs
from genzoo.zoo.mistakes import Mistake
from genzoo.zoo.store import read_config
from genzoo.zoo.terminal import say

if TYPE_CHECKING:
    from genzoo.core import Noise
    from genzoo.zoo.loading import Run

__all__ = ["COMMANDS"]

UNFIT = ("ahead", "draft", "beams", "prefix")  # options of whole samples


def chat(
    run: RunPath,
    ask: Annotated[list[str] | None, typer.Option(help="A question, or several; by default they are read.")] = None,
    options: Annotated[list[str] | None, typer.Option("--set", help="How symbols are drawn: temperature=0.7.")] = None,
    stop: Annotated[list[str] | None, typer.Option(help="An answer ends before this text.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Names the noise.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps.")] = "auto",
) -> None:
    """Ask a model of text, line by line. A model of one text given another answers; any other goes on with what was
    written. An empty line, or Ctrl-D, ends it."""
    read_config(run)
    from genzoo.core import Noise
    from genzoo.core.errors import DataError
    from genzoo.models.choice import Choice

    loaded = loaded_on(run, device)
    wanted = sampling_options(loaded, pairs("--set", options or ()))
    if unfit := [name for name in wanted if name in UNFIT]:
        raise Mistake(f"An answer is drawn symbol by symbol, got {unfit[0]}.", "Leave it out, or use genzoo sample.")
    if "" in (stop or ()):
        raise Mistake("--stop must be a text, got none, before which every answer would end.", "Leave it out.")
    choice = Choice(**wanted).check()
    speaker = Speaker(loaded, choice, [text.replace("\\n", "\n") for text in stop or ()])
    for turn, question in enumerate(ask or _read()):
        try:
            for piece in speaker.answer(question, Noise(seed, "chat", turn, device=loaded.generative.device)):
                say(piece, end="")
            say()
        except (DataError, Mistake) as error:
            if ask:
                raise
            tell(Mistake.of(error))  # whoever types may type again


class Speaker:
    """A run of text that answers.

    Args:
        run: The run.
        choice: How symbols are drawn.
        stops: Texts at which an answer ends.

    Raises:
        Mistake: If the run is none of text drawn symbol by symbol.
    """

    def __init__(self, run: "Run", choice: Any, stops: list[str]) -> None:
        from genzoo.core import Sequential
        from genzoo.data.codecs.text import SpellingCodec

        chain, codec = run.generative.ability(Sequential), run.codec
        if chain is None or not isinstance(codec, SpellingCodec):
            got = f"{run.config.recipe.name} of {codec.kind}"
            raise Mistake(f"A model that talks must draw text symbol by symbol, got {got}.", "Train gpt on text.")
        self.run, self.choice, self.stops, self.chain, self.codec = run, choice, stops, chain, codec
        if len(run.generative.given_space) > 1:
            got = ", ".join(run.generative.given_space)
            raise Mistake(f"A model that talks must be given one text or nothing, got {got}.", "Use genzoo sample.")

    def answer(self, question: str, noise: "Noise") -> Iterator[str]:
        """Pieces of an answer; what may be the beginning of a stop waits until it is known."""
        from genzoo.apps.pieces import Pieces
        from genzoo.models.stepping import first_symbols, stream
        from genzoo.zoo.conditions import spelled

        model, data, prefix, told = self.run.generative, self.run.config.data, None, None
        if model.given_space:
            told = spelled(model.given_space, data, self.run.given_codecs, question, 1)
        else:
            prefix = first_symbols(self.chain.space, 1, self.codec.ids(question))
        given = model.checked_given(told, 1)
        pieces, begun = Pieces(self.codec, self.stops), 0 if prefix is None else prefix.shape[1]
        drawn = stream(self.chain, 1, given, noise=noise, prefix=prefix, choice=self.choice)
        for symbol in itertools.islice(drawn, begun, None):
            yield pieces.take(int(symbol))
            if pieces.stopped:
                return
        yield pieces.rest()


def _read() -> Iterator[str]:
    """Lines of the standard input up to an empty one."""
    while True:
        if sys.stdin.isatty():
            say("> ", end="")
        line = sys.stdin.readline().rstrip("\r\n")
        if not line:
            return
        yield line


COMMANDS: dict[Callable[..., None], str] = {
    chat: 'genzoo chat runs/gpt-verse --set temperature=0.7 --stop "\\n\\n"',
}
