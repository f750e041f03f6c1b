"""`mesh validate`: is every object of these files right by itself? Needs no mesh."""

from __future__ import annotations

import click

from mesh.cli.manifest import texts
from mesh.cli.output import emit, output_option
from mesh.offline.documents import read_documents
from mesh.offline.verdicts import Checked, check_document


@click.command(epilog="Example: mesh validate -f routes/ -o json")
@click.option("-f", "--filename", "paths", multiple=True, required=True, help="File, directory, or - for input.")
@click.argument("more", nargs=-1, metavar="[PATH]...")
@output_option("json")
def validate(paths: tuple[str, ...], more: tuple[str, ...], output: str) -> None:
    """Check structure and meaning as admission does. Exit code 0 when everything is valid, else 1."""
    checked = [
        check_document(document)
        for path in (*paths, *more)
        for file, text in texts(path)
        for document in read_documents(file, text)
    ]
    if output == "json":
        emit([one.as_json() for one in checked], "json")
    else:
        for one in checked:
            _print(one)
    raise SystemExit(0 if all(one.valid for one in checked) else 1)


def _print(checked: Checked) -> None:
    document = checked.document
    kind, name = document.object.get("kind") or "document", (document.object.get("metadata") or {}).get("name") or ""
    click.echo(f"{document.file}:{document.line}: {kind} {name}: {'valid' if checked.valid else 'invalid'}")
    for word, messages in (
        ("error", checked.errors), ("warning", checked.warnings), ("not supported here", checked.unsupported),
    ):  # fmt: skip
        for message in messages:
            where = f"{document.file}:{document.line_of(message.path)}"
            click.echo(f"  {where}: {word}: {message.path + ': ' if message.path else ''}{message.message}")
