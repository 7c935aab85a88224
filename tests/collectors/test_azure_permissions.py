"""The generated role of Azure is exactly what is declared, and nothing that reads a value or changes anything."""

import json
from pathlib import Path

import docs.generate as docs
from collectors.azure.operations import OPERATIONS
from collectors.azure.permissions import policy
from collectors.azure.roles import HSM_KEYS, VAULT_KEYS, VAULT_SECRETS

LOCAL = "Microsoft.KeyVault/managedHsm/"


def test_the_role_grants_what_is_declared_and_no_more() -> None:
    role = json.loads(policy())
    control = {o.grants for o in OPERATIONS.values() if o.name.startswith("arm:")}
    data = {o.grants for o in OPERATIONS.values() if not o.name.startswith("arm:")}
    assert set(role["Actions"]) == control
    assert set(role["DataActions"]) == {action for action in data if not action.startswith(LOCAL)}
    assert role["Actions"] == sorted(role["Actions"])
    assert role["DataActions"] == sorted(role["DataActions"])
    assert (role["NotActions"], role["NotDataActions"], role["IsCustom"]) == ([], [], True)
    assert role["AssignableScopes"]


def test_nothing_granted_reads_a_value_or_changes_anything() -> None:
    role = json.loads(policy())
    granted = [*role["Actions"], *role["DataActions"]]
    assert not {action for action in granted if "*" in action}
    duties = [actions for kind in (VAULT_KEYS, VAULT_SECRETS, HSM_KEYS) for actions in kind.data.values()]
    assert not set(granted).intersection(action for actions in duties for action in actions)
    for action in granted:
        assert action.endswith(("/read", "/read/action", "/readMetadata/action")), action


def test_the_document_names_what_only_a_managed_hsm_can_grant() -> None:
    told = Path(docs.__file__).with_name("azure.md").read_text("utf-8")
    for action in (action for action in {o.grants for o in OPERATIONS.values()} if action.startswith(LOCAL)):
        assert f"`{action}`" in told, action
