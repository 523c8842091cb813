"""`seqtools completion SHELL`: the script that makes a shell complete commands and options."""

from __future__ import annotations

import click

_HELP = """Print the completion script of a shell.

\b
bash:  eval "$(seqtools completion bash)"            in ~/.bashrc
zsh:   eval "$(seqtools completion zsh)"             in ~/.zshrc
fish:  seqtools completion fish | source             in ~/.config/fish/config.fish
"""


@click.command("completion", help=_HELP)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(context: click.Context, shell: str) -> None:
    """Print the completion script of a shell."""
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None  # click has all three
    # click's `source()` for bash starts bash to ask its version; the script itself needs nothing.
    script = kind(context.find_root().command, {}, "seqtools", "_SEQTOOLS_COMPLETE")
    click.echo(script.source_template % script.source_vars())
