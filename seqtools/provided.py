"""What a plugin gave and what went wrong with it, each with the plugin it came from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from seqtools.discovery import EntryPoint
from seqtools.errors import PluginError, SeqtoolsError
from seqtools.plugin import Spec

S = TypeVar("S", bound=Spec)


@dataclass(frozen=True)
class Provided(Generic[S]):
    """A spec and the plugin it came from."""

    spec: S
    origin: EntryPoint

    @property
    def plugin(self) -> str:
        """Name of the plugin."""
        return self.origin.name

    @property
    def distribution(self) -> str:
        """Name of the distribution that brought the plugin."""
        return self.origin.distribution

    def load(self) -> Any:
        """Import the spec's target.

        Raises:
            MissingDependencyError: it needs a package of an extra that is not installed.
            PluginError: its import failed in any other way.
        """
        try:
            return self.spec.load()
        except SeqtoolsError:
            raise
        except Exception as error:
            raise PluginError(
                str(self.origin),
                f"importing {self.spec.kind} '{self.spec.name}' failed: {describe(error)}",
                cure_for(self.origin),
            ) from error


@dataclass(frozen=True)
class Failure:
    """One thing that went wrong with plugins.

    Attributes:
        stage: `load`, `register`, `call`, `name` or `event`.
        origins: the plugin, or for `name` all plugins that claim it.
        cause: what happened.
        cure: what to do about it.
        error: the exception behind it, if there is one.
    """

    stage: str
    origins: tuple[EntryPoint, ...]
    cause: str
    cure: str
    error: BaseException | None = None

    @property
    def subject(self) -> str:
        """The plugin or plugins, in words."""
        return " and ".join(str(origin) for origin in self.origins)

    def as_error(self) -> PluginError:
        """The failure as an error with exit code 5."""
        return PluginError(self.subject, self.cause, self.cure)


def describe(error: BaseException) -> str:
    """`KeyError: 'x'` in one line, whatever the message holds."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def cure_for(origin: EntryPoint) -> str:
    """How to get rid of a plugin, for a little while or for good."""
    disable = f"Disable it with SEQTOOLS_DISABLE_PLUGINS={origin.name}"
    if not origin.distribution:
        return disable
    return f"Update it with `pip install -U {origin.distribution}`, or d{disable[1:]}"
