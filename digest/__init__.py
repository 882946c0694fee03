"""digest: a personal digest of new research papers, mailed to each subscriber."""

__version__ = "0.1.0"
