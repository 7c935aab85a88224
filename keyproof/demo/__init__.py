"""The embedded AWS, and the company whose keys and secrets it holds."""
