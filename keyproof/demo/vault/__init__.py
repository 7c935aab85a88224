"""A real OpenBao for the demo and the tests, on this machine alone."""
