"""The `mesh` command: a table of subcommands, loaded one at a time.

Exit codes, for scripts: 0 done, 1 failed or degraded, 2 wrong usage, 3 the mesh is not running.
"""

from __future__ import annotations

import importlib
import os
from pathlib import Path

import click

COMMANDS: dict[str, tuple[str, str]] = {
    # name: (module:function, one line for the overview, so that help imports nothing)
    "up": ("mesh.cli.up:up", "Start the mesh in the background."),
    "down": ("mesh.cli.lifecycle:down", "Stop all pods and processes."),
    "status": ("mesh.cli.lifecycle:status", "Show what is running, and where."),
    "check": ("mesh.cli.lifecycle:check", "Try what the machine must allow; print the remedy for what it does not."),
    "image": ("mesh.cli.image:image", "Bind image names to directories and commands."),
    "apply": ("mesh.cli.apply:apply", "Create or update objects from files."),
    "validate": ("mesh.cli.validate:validate", "Check files without a mesh: structure and meaning, with lines."),
    "analyze": ("mesh.cli.analyze:analyze", "What is wrong between objects: running, in files, or both."),
    "explain": ("mesh.cli.explain:explain", "Which rule decides about a request, and why the others did not."),
    "delete": ("mesh.cli.delete:delete", "Delete objects by file or by name."),
    "get": ("mesh.cli.get:get", "List objects, or show some."),
    "describe": ("mesh.cli.describe:describe", "Show one object in words, with its events."),
    "logs": ("mesh.cli.logs:logs", "Print what a container wrote."),
    "scale": ("mesh.cli.scale:scale", "Set how many replicas a workload has."),
    "proxy-status": ("mesh.cli.proxy:proxy_status", "Which configuration each proxy has acknowledged."),
    "proxy-config": ("mesh.cli.proxy:proxy_config", "The configuration a proxy runs with."),
    "trace": ("mesh.cli.trace:trace", "The last traces, as waterfalls."),
    "version": ("mesh.cli.lifecycle:version", "Print the version."),
}


class LazyGroup(click.Group):
    """Commands by name from `COMMANDS`; the overview needs no import of them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        module, _, attribute = entry[0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])


def default_home() -> Path:
    return Path(os.environ.get("POCKETMESH_HOME") or Path.home() / ".pocketmesh")


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Example: mesh up && mesh apply -f app.yaml && mesh get pods",
)
@click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="POCKETMESH_HOME",
    help="Where this mesh keeps its state.  [default: ~/.pocketmesh, or $POCKETMESH_HOME]",
)
@click.pass_context
def main(ctx: click.Context, home: Path | None) -> None:
    """A service mesh on one machine: Kubernetes manifests and Istio configuration, no cluster needed."""
    ctx.obj = (home or default_home()).absolute()
