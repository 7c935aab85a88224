"""A token of the invented company: SoftHSM where it is installed, and else a recording of what SoftHSM answered."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from evidence.observation import iso, observation_id
from evidence.recording import ScopeRecording, read_scope, scope_files
from keyproof.demo.pkcs11.softhsm import Token, find_module, initialize

PIN_VARIABLE = "NORTHWIND_HSM_PIN"

RECORDING = Path(__file__).parent / "recording"
"""What a collection of the demo's token recorded: its scopes' files."""


class EmbeddedToken:
    """A context manager that makes a token. `recorded` takes the recording even where SoftHSM is installed.

    A recording is answered from as the record of a killed run is: `plant` puts it where a collection looks for one, so
    that no module is loaded and nothing is asked.
    """

    def __init__(self, token: Token, *, recorded: bool = False) -> None:
        self._token = token
        self._module = None if recorded else find_module()
        self._running = ExitStack()
        self._environment: Mapping[str, str] = {}

    def __enter__(self) -> EmbeddedToken:
        if self._module is not None:
            with ExitStack() as starting:
                folder = starting.enter_context(tempfile.TemporaryDirectory(prefix="keyproof-softhsm-"))
                self._environment = initialize(Path(folder), [self._token])
                self._running = starting.pop_all()
        return self

    def __exit__(self, *exception: object) -> None:
        self._running.close()

    @property
    def recorded(self) -> bool:
        """What is shown is a recording."""
        return self._module is None

    @property
    def told_by(self) -> str:
        """What the token is, for whoever looks at it."""
        if self.recorded:
            return "a recording of what SoftHSM answered, since SoftHSM is not installed"
        return f"SoftHSM, {self._module}"

    def source(self, name: str) -> dict[str, object]:
        """The `[[source]]` table."""
        module = self._module or RECORDING / "README.md"
        return {
            "type": "pkcs11",
            "name": name,
            "module": str(module),
            "token": self._token.label,
            "pin_env": PIN_VARIABLE,
        }

    @property
    def credentials(self) -> Mapping[str, str]:
        """The environment that a collection needs."""
        return {PIN_VARIABLE: self._token.pin, **self._environment}

    def plant(self, observations: Path, name: str) -> None:
        """Put the recording where a collection of the source of that name takes up what an earlier one left; nothing
        where the token is not a recording. The times of its exchanges are now."""
        if not self.recorded:
            return
        now = iso(datetime.now(UTC))
        for path in scope_files(RECORDING):
            header, exchanges = read_scope(path)
            id = f"{name}/{header.id.partition('/')[2]}"
            recording = ScopeRecording(observations, replace(header, id=id, source=name))
            for exchange in exchanges:
                own = observation_id(id, exchange.operation, exchange.parameters)
                shown = replace(exchange, id=own, scope=id, source=name, requested_at=now, received_at=now)
                recording.write([shown])
            recording.complete()
