"""What the command line says of a mistake: a cause, a fix, and no traceback unless `--debug` asks for one."""

import contextlib
import errno
import re
import shlex
import traceback
from collections.abc import Iterator
from typing import Any

import typer
from rich.text import Text
from typer.core import TyperGroup

from genzoo._memory import is_out_of_memory
from genzoo.zoo.mistakes import Mistake, nearest, unknown
from genzoo.zoo.terminal import Screen, say

__all__ = ["Commands"]

# Click's error of usage, which typer brings along under a module name that varies with its version.
UsageError: Any = typer.BadParameter.__mro__[1]


class Commands(TyperGroup):
    """Commands whose errors are told in two lines: 2 for a user's mistake, 1 for ours, 128 + signal if interrupted."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        outer = ctx.parent is not None and ctx.parent.obj["debug"]
        ctx.obj = {"debug": outer or "--debug" in args}  # allowed anywhere, also after the command
        with _told(ctx.obj["debug"]):
            return super().parse_args(ctx, [arg for arg in args if arg != "--debug"])

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            raise unknown("command", args[0], self.list_commands(ctx))
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        with _told(ctx.obj["debug"]):
            return super().invoke(ctx)


@contextlib.contextmanager
def _told(debug: bool) -> Iterator[None]:
    try:
        yield
    except (typer.Exit, typer.Abort, SystemExit, BrokenPipeError):
        raise
    except Exception as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            raise
        if debug:
            say(traceback.format_exc(), err=True)
        code, mistake = _judged(error)
        tell(mistake)
        raise typer.Exit(code) from None


def tell(mistake: Mistake) -> None:
    """Writes the cause and the fix to the standard error.

    Args:
        mistake: What went wrong.
    """
    console = Screen(stderr=True, soft_wrap=True, highlight=False)
    console.print(Text.assemble(("error: ", "bold red"), mistake.cause))
    console.print(Text.assemble(("fix:   ", "bold green"), mistake.fix))


def _judged(error: Exception) -> tuple[int, Mistake]:
    """The exit code and the words for an error."""
    from genzoo.core.errors import DataError

    if isinstance(error, UsageError):
        return 2, _of_usage(error)
    if type(error).__name__ == "Interrupted":
        fix = "Go on with genzoo train --resume RUN; compare and reproduce go on when they are called again."
        return 128 + int(vars(error)["signal"]), Mistake(f"The training was {error}.", fix)
    ours = type(error).__module__.startswith("genzoo.")
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) and not ours:
        return 2, Mistake(f"The file cannot be written: {error.strerror}.", "Make room, or write elsewhere by --out.")
    if isinstance(error, OSError) and error.filename and not ours:
        return 2, Mistake(f"{error.filename}: {error.strerror}.", "Check the path and its permissions.")
    if isinstance(error, ImportError):
        return 2, Mistake(f"{error}.".replace("..", "."), "Install what is missing: genzoo doctor names the extras.")
    if is_out_of_memory(error) and not ours:
        fix = "Ask for fewer rows or samples, take --device cpu, or train a smaller model."
        return 2, Mistake(f"There is not enough memory for this: {_first_line(error)}.", fix)
    if isinstance(error, DataError):
        mistake = Mistake.of(error)
        return 2, Mistake(mistake.cause, _as_options(mistake.fix))
    if ours or isinstance(error, ValueError | NotImplementedError | ArithmeticError):
        return 2, Mistake.of(error)
    cause = f"This should not have happened: {type(error).__name__}: {error}."
    return 1, Mistake(cause, "Run again with --debug, and report what it prints.")


def _as_options(fix: str) -> str:
    """What is passed to `read` is an option here.

    Example:
        >>> _as_options("Pass missing='drop' or missing='keep'; else pass dates='day first'.")
        "Pass --read missing=drop or --read missing=keep; else pass --read 'dates=day first'."
    """

    def option(found: re.Match[str]) -> str:
        before, name, value = found[1] or "", found[2], found[3]
        if not before and not value.startswith("'"):
            return found[0]
        return f"{before}--read {shlex.quote(f'{name}={value.strip(chr(39))}')}"

    return re.sub(r"(\b[Pp]ass )?\b(\w+)=('[^']*'|\w+)", option, fix)


def _first_line(error: Exception) -> str:
    """What an error says, without the advice that torch adds."""
    return (str(error) or type(error).__name__).splitlines()[0].partition(". ")[0].rstrip(".")


def _of_usage(error: Any) -> Mistake:
    """Typer's errors of usage, with the nearest option named."""
    path = error.ctx.command_path if error.ctx is not None else "genzoo"
    fix = f"See {path} --help."
    wrong = vars(error).get("option_name")
    if wrong and error.ctx is not None:
        known = [name for parameter in error.ctx.command.params for name in parameter.opts if name.startswith("--")]
        close = nearest(wrong, known)
        fix = f"Did you mean {close}?" if close else fix
        return Mistake(
            f"There is no option {wrong} of {path}."
            if vars(error).get("possibilities") is not None or "No such option" in error.message
            else error.message,
            fix,
        )
    text = " ".join(error.format_message().split())
    return Mistake(text if text.endswith(".") else f"{text}.", fix)
