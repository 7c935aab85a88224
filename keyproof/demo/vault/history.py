"""Transit keys with a past: OpenBao makes each key now, and takes back a backup that says otherwise."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from keyproof.demo.vault.server import Server


def make_key(
    server: Server,
    mount: str,
    name: str,
    made: Sequence[datetime],
    *,
    namespace: str = "",
    type: str = "aes256-gcm96",
    exportable: bool = False,
    allow_plaintext_backup: bool = False,
    derived: bool = False,
    imported: bool = False,
    **settings: object,
) -> None:
    """A key whose versions were made at these times. `settings` are those that can be changed afterwards.

    The server gives out a backup of keys that allow it alone, so that the key begins as one of those.
    """
    path = f"{mount}/keys/{name}"
    begun = {"type": type, "exportable": True, "allow_plaintext_backup": True, "derived": derived}
    server.write(path, {**begun, **({"key_size": 32} if type == "hmac" else {})}, namespace=namespace)
    for _ in made[1:]:
        server.write(f"{path}/rotate", {}, namespace=namespace)
    backup = server.ask("GET", f"{mount}/backup/{name}", namespace=namespace)["data"]["backup"]
    document = json.loads(base64.b64decode(backup))
    flags = {"exportable": exportable, "allow_plaintext_backup": allow_plaintext_backup, "Imported": imported}
    document["policy"] |= flags
    for number, moment in enumerate(made, 1):
        for version in (document["policy"]["keys"].get(str(number)), document["archived_keys"]["keys"][number]):
            if version is not None:
                _date(version, moment)
    restored = base64.b64encode(json.dumps(document).encode()).decode()
    server.write(f"{mount}/restore/{name}", {"backup": restored, "force": True}, namespace=namespace)
    if settings:
        server.write(f"{path}/config", settings, namespace=namespace)


def _date(version: dict[str, Any], moment: datetime) -> None:
    version["time"] = moment.isoformat().replace("+00:00", "Z")
    version["creation_time"] = int(moment.timestamp())
