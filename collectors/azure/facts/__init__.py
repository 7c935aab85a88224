"""From the readings of one service's scope to its inventory rows, one module a service."""
