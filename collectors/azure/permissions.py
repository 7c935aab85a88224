"""The least-privilege role that collection needs, made from the declared operations."""

from __future__ import annotations

import json

from collectors.azure.operations import OPERATIONS

_LOCAL = "Microsoft.KeyVault/managedHsm/"


def policy() -> str:
    """A custom role definition, as `az role definition create` takes it, sorted, with a newline at its end.

    It only reads metadata. Its data actions hold for vaults whose access goes by roles; a vault with access policies
    needs one that gives `Get` and `List` on keys and certificates and `List` on secrets. A managed HSM has roles of
    its own, which no role of Azure can give, so that the actions on it are not part of this one.
    """
    control = {o.grants for o in OPERATIONS.values() if o.name.startswith("arm:")} - {""}
    data = {o.grants for o in OPERATIONS.values() if not o.name.startswith("arm:")} - {""}
    role = {
        "Name": "keyproof collector",
        "Description": "Reads metadata of keys, secrets, certificates, storage accounts; no value and no key material.",
        "IsCustom": True,
        "Actions": sorted(control),
        "NotActions": [],
        "DataActions": sorted(action for action in data if not action.startswith(_LOCAL)),
        "NotDataActions": [],
        "AssignableScopes": ["/subscriptions/00000000-0000-0000-0000-000000000000"],
    }
    return json.dumps(role, indent=2) + "\n"
