"""`python -m seqtools`, the same program."""

from seqtools.cli import main

main()
