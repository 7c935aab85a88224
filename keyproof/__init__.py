"""The roof: command line, configuration and the run."""

__version__ = "0.1.0"
