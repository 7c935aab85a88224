"""The commands, in the order in which people need them; each imports what it works with when it runs."""

from __future__ import annotations

from click import Command

from keyproof.commands.catalogue import explain, list_
from keyproof.commands.demo import demo
from keyproof.commands.flow import assess, collect, report, run
from keyproof.commands.history import runs
from keyproof.commands.preparation import doctor, permissions
from keyproof.commands.registers import attest, except_
from keyproof.commands.verify import verify

COMMANDS: dict[str, Command] = {
    "demo": demo,
    "run": run,
    "collect": collect,
    "assess": assess,
    "report": report,
    "verify": verify,
    "runs": runs,
    "attest": attest,
    "except": except_,
    "list": list_,
    "explain": explain,
    "permissions": permissions,
    "doctor": doctor,
}
"""Every command by name."""
