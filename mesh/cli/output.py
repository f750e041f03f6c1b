"""What commands print: results on standard output, everything else on standard error, colour on terminals only."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


class Failure(click.ClickException):
    """An expected failure: what went wrong, and on the next line what to do about it."""

    def __init__(self, message: str, *, code: int = 1) -> None:
        super().__init__(message)
        self.code = code

    @property
    def exit_code(self) -> int:  # type: ignore[override]  # click reads it, we never set it
        return self.code

    def show(self, file: Any = None) -> None:
        first, _, rest = self.message.partition("\n")
        click.echo(f"{click.style('error:', fg='red', bold=True)} {first}", err=True)
        if rest:
            click.echo(rest, err=True)


def output_option(*choices: str, default: str = "table") -> Callable[[F], F]:
    """`-o/--output`, the same word and letter on every command that has results."""
    return click.option(
        "-o",
        "--output",
        type=click.Choice([default, *choices]),
        default=default,
        show_default=True,
        help="Format of the result.",
    )


def emit(value: Any, output: str) -> None:
    """One JSON value as `json` or `yaml`."""
    if output == "yaml":
        import yaml

        click.echo(yaml.safe_dump(value, sort_keys=False, allow_unicode=True), nl=False)
    else:
        click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def table(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Columns padded with three blanks, as kubectl prints them."""
    lines = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(header), *(len(line[i]) for line in lines), 0) for i, header in enumerate(headers)]
    return "\n".join(
        "   ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in [list(headers), *lines]
    )


class Progress:
    """Steps of something that takes a while: one line each, redrawn on a terminal, plain elsewhere."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._terminal = sys.stderr.isatty()
        self._quiet = quiet
        self._last = ""

    def step(self, text: str) -> None:
        if self._quiet or text == self._last:
            return
        self._last = text
        if self._terminal:
            click.echo(f"\r\033[K  {text} …", nl=False, err=True)
        else:
            click.echo(f"  {text} ...", err=True)

    def done(self, text: str) -> None:
        if self._quiet:
            return
        prefix = "\r\033[K" if self._terminal else ""
        click.echo(f"{prefix}{click.style('✓', fg='green')} {text}", err=True)
