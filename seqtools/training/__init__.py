"""Training: texts to token streams, the loop, run folders. Needs the `[train]` extra (torch)."""
