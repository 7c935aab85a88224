"""A command that has commands of its own."""

from __future__ import annotations

import click


class InOrder(click.Group):
    """Lists its commands in the order in which people need them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, as the registry has them."""
        return list(self.commands)
