"""Networks that read a window of a series and tell what comes next, with its uncertainty."""
