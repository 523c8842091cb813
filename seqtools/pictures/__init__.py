"""What pictures for people share, on the terminal, as SVG, HTML and PNG."""
