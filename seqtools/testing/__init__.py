"""For the tests of plugins: fixtures and suites to inherit. Needs pytest and hypothesis.

Nothing else imports this.

In a plugin's `conftest.py`:

    pytest_plugins = ["seqtools.testing.fixtures"]

and in its tests:

    from seqtools.testing import TokenizerChecks

    class TestMorse(TokenizerChecks):
        kind = "morse"
"""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("seqtools.testing.tokenizers")

from seqtools.testing.tokenizers import TokenizerChecks  # noqa: E402  (rewritten: failures show values)

__all__ = ["TokenizerChecks"]
