"""Looking at data before anything is trained on them."""

from collections.abc import Callable
from typing import Annotated

import typer

from genzoo.apps.cli.words import (
    ColorOption,
    GivenOption,
    GroupOption,
    ReadOption,
    SizeOption,
    XOption,
    print_json,
    print_table,
    read_words,
)
from genzoo.zoo.terminal import say

__all__ = ["COMMANDS"]


def check(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="A name, a file or a folder.")],
    given: GivenOption = None,
    x: XOption = None,
    binarize: Annotated[str | None, typer.Option(help="Binary pixels: static, dynamic or threshold.")] = None,
    size: SizeOption = None,
    color: ColorOption = None,
    group: GroupOption = None,
    how_read: ReadOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """Say what was understood of a source: rows, shape, range, classes, splits, and the first ten bad files."""
    from genzoo.data.check import check as understood

    seen = {"binarize": binarize, "size": size, "color": color, "group": group, "skip_bad": True}
    report = understood(read_words(source, given, x, how_read, quiet=True, **seen))
    if as_json:
        print_json(report.to_json())
    else:
        print_table(("what", "understood"), report.facts.items())
        if report.columns:
            print_table(tuple(report.columns[0]), [tuple(column.values()) for column in report.columns])
        for reason in report.skipped:
            say(f"bad: {reason}")
    if report.bad:
        say(f"{report.bad:,} could not be read: mend them, or train with --skip-bad", err=True)
        raise typer.Exit(1)


COMMANDS: dict[Callable[..., None], str] = {
    check: "genzoo data check digits --given label",
}
