"""`python -m orchestrator image add|ls|rm`: the bindings of images.json, with or without a running mesh."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from orchestrator.images import Image, ImageError, Images
from orchestrator.layout import default_home, layout_of


def main(argv: Sequence[str]) -> int:
    """Exit code 0, 1 for a binding that cannot be made or found, 2 for wrong usage."""
    arguments = list(argv)
    command: list[str] = []
    if "--" in arguments:
        split = arguments.index("--")
        arguments, command = arguments[:split], arguments[split + 1 :]
    options = _parser().parse_args(arguments)
    images = Images(layout_of(options.home or default_home()).images)
    try:
        if options.verb == "add":
            return _add(images, options, command)
        if options.verb == "rm":
            sys.stdout.write(f"removed {images.remove(options.ref)}\n")
            return 0
        return _list(images, options.output)
    except ImageError as refused:
        sys.stderr.write(f"{refused}\n")
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m orchestrator image")
    parser.add_argument("--home", type=Path, help="the mesh's home; default $POCKETMESH_HOME or ~/.pocketmesh")
    verbs = parser.add_subparsers(dest="verb", required=True)
    add = verbs.add_parser("add", usage="%(prog)s REF --dir DIR [--workdir W] [--env K=V] -- COMMAND...")
    add.add_argument("ref")
    add.add_argument("--dir", type=Path, required=True)
    add.add_argument("--workdir", default="")
    add.add_argument("--env", action="append", default=[], metavar="K=V")
    verbs.add_parser("ls").add_argument("-o", dest="output", choices=("table", "json", "yaml"), default="table")
    verbs.add_parser("rm").add_argument("ref")
    return parser


def _add(images: Images, options: argparse.Namespace, command: Sequence[str]) -> int:
    env: dict[str, str] = {}
    for pair in options.env:
        key, separator, value = pair.partition("=")
        if not key or not separator:
            raise ImageError(f'--env wants K=V, not "{pair}"')
        env[key] = value
    directory = options.dir.resolve()
    workdir = str(directory / options.workdir) if options.workdir else str(directory)
    reference = images.add(options.ref, Image(str(directory), tuple(command), workdir, env))
    sys.stdout.write(f"{reference} -> {directory}: {shlex.join(command)}\n")
    return 0


def _list(images: Images, output: str) -> int:
    bindings = images.bindings()
    if output == "table":
        rows = [
            ("REF", "DIR", "COMMAND"),
            *((ref, i.dir, shlex.join(i.command)) for ref, i in sorted(bindings.items())),
        ]
        widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
        for ref, directory, command in rows:
            sys.stdout.write(f"{ref:<{widths[0]}}  {directory:<{widths[1]}}  {command}\n")
        return 0
    plain = [{"ref": ref, **msgspec.to_builtins(image)} for ref, image in sorted(bindings.items())]
    if output == "json":
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(plain), indent=2).decode() + "\n")
    else:
        import yaml

        sys.stdout.write(yaml.safe_dump(plain, sort_keys=False))
    return 0
