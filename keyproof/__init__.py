"""The roof: command line, configuration and the run."""
