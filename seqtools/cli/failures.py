"""How a run ends: exit codes, one-line errors, broken pipes and interrupts.

0 ok · 1 failed · 2 usage · 3 model file · 4 missing optional dependency · 5 plugin · 130 interrupt
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from typing import Any, NoReturn

import click

from seqtools.cli import state
from seqtools.errors import PluginError, SeqtoolsError
from seqtools.plugin import missing_extra
from seqtools.provided import cure_for, describe

INTERRUPTED = 130
OURS = "seqtools-suite"


def guarded(run: Callable[[], Any]) -> NoReturn:
    """Run the program and leave with its exit code; `--debug` lets tracebacks through."""
    try:
        result = run()
        sys.stdout.flush()
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted.", err=True)
        sys.exit(INTERRUPTED)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except OSError as error:
        if error.errno == errno.EPIPE:
            _close_stdout()
            sys.exit(0)  # the reader has what it wanted: `seqtools generate | head -1` is no failure
        _fail(error, 1, _os_message(error))
    except SeqtoolsError as error:
        _fail(error, error.exit_code, str(error))
    except MemoryError as error:
        _fail(error, 1, "out of memory. Use a smaller batch, chunk or model.")
    except Exception as error:
        _fail(error, *_unexpected(error))
    # With standalone_mode off, click returns the code of an explicit exit.
    sys.exit(result if isinstance(result, int) and not isinstance(result, bool) else 0)


def _fail(error: BaseException, code: int, message: str) -> NoReturn:
    if state.debug:
        import traceback

        traceback.print_exception(error)
    click.echo(f"{click.style('Error:', fg='red', bold=True)} {message}", err=True, color=state.color)
    sys.exit(code)


def _unexpected(error: Exception) -> tuple[int, str]:
    """Exit code and message of an error no command raised on purpose; a stranger's plugin is named."""
    missing = missing_extra(error, "this command")
    if missing:
        return missing.exit_code, str(missing)
    origin = state.running
    if origin is not None and origin.distribution != OURS:
        broken = PluginError(str(origin), f"its command failed: {describe(error)}", cure_for(origin))
        return broken.exit_code, str(broken)
    cure = "Add --debug to see where, and please report it"
    return 1, str(SeqtoolsError("unexpected error", describe(error), cure))


def _os_message(error: OSError) -> str:
    subject = str(error.filename) if error.filename else "system"
    reason = error.strerror or describe(error)
    cures = {
        errno.ENOENT: "Check the path",
        errno.EACCES: "Check the permissions",
        errno.ENOSPC: "Free some space; nothing was left under the final name",
        errno.EISDIR: "Give a file",
    }
    cure = cures.get(error.errno or 0, "")
    return str(SeqtoolsError(subject, reason[:1].lower() + reason[1:], cure))


def _close_stdout() -> None:
    """Point stdout at nothing, so that Python's own flush at exit cannot fail again."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, sys.stdout.fileno())
    except (OSError, ValueError):  # stdout is not a real file (a test's buffer)
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123
    finally:
        os.close(nowhere)
