"""The task `sentiment`: labelled texts in, one classifier out. Hooks only; the code is imported on use."""

from __future__ import annotations
