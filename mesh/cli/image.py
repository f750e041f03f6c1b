"""`mesh image`: what an image name of a manifest stands for on this machine.

The bindings belong to the orchestrator's runtime; this passes the words on to it, before and after `mesh up` alike.
"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from mesh.cli.lifecycle import orchestrator
from mesh.cli.output import output_option


@click.group()
def image() -> None:
    """Bind image names to directories and commands.

    A REF without tag or digest stands for every tag; docker.io/ and library/ are implied.
    """


@image.command(epilog="Example: mesh image add shop/cart --dir ./cart -- python3 cart.py")
@click.argument("ref")
@click.option("--dir", "directory", required=True, type=click.Path(path_type=Path), help="The image's directory.")
@click.option("--workdir", help="Where the command starts.  [default: the directory]")
@click.option("--env", multiple=True, metavar="K=V", help="A variable of the image; may be repeated.")
@click.argument("command", nargs=-1, required=True)
@click.pass_obj
def add(
    home: Path, ref: str, directory: Path, workdir: str | None, env: tuple[str, ...], command: tuple[str, ...]
) -> None:
    """Bind REF to a directory and the command after `--` (the image's entrypoint)."""
    options = ["--dir", str(directory)]
    options += ["--workdir", workdir] if workdir else []
    for variable in env:
        options += ["--env", variable]
    sys.exit(orchestrator("image", "add", ref, *options, "--", *command, home=home).returncode)


@image.command(epilog="Example: mesh image ls -o json")
@output_option("json", "yaml")
@click.pass_obj
def ls(home: Path, output: str) -> None:
    """List the bindings."""
    arguments = [] if output == "table" else ["-o", output]
    sys.exit(orchestrator("image", "ls", *arguments, home=home).returncode)


@image.command(epilog="Example: mesh image rm shop/cart")
@click.argument("ref")
@click.pass_obj
def rm(home: Path, ref: str) -> None:
    """Forget what REF stands for; pods that run stay."""
    sys.exit(orchestrator("image", "rm", ref, home=home).returncode)
