"""Two more modules, independent of SoftHSM: each has its own idea of what the standard leaves open."""

from __future__ import annotations

import json
import os

import nss
import opencryptoki
import pytest
from collected import Collected
from pkcs11_runs import collect, failures, named, of, rows

from evidence.model import Certificate, Gap, Key, KeyStore, Origin, ProtectionLevel, Row, Scope, Usage
from evidence.observation import Status


def _told(found: list[Row], key: Key) -> dict[str, str]:
    """Column → why it is not known."""
    return {column: str(gap.error) for gap in of(found, Gap) if gap.subject == key.id for column in gap.columns or ()}


# --- NSS ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> tuple[Collected, bytes]:
    folder = tmp_path_factory.mktemp("nss")
    private = nss.fill(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(os.environ, "HSM_PIN", nss.PIN)
        run = collect(nss.source("nss", folder), tmp_path_factory.mktemp("nss-run"))
    return run, private.private_numbers().private_value.to_bytes(48)


def test_nss_is_read_whole(database: tuple[Collected, bytes]) -> None:
    run, _ = database
    assert run.statuses() == {Status.OK}
    found = rows(run)
    assert failures(found) == []
    [store] = of(found, KeyStore)
    assert (store.name, store.protection_level, store.activated) == (nss.LABEL, ProtectionLevel.SOFTWARE, True)
    assert {key.bits for key in of(found, Key)} == {256, 384}
    assert next(row for row in of(found, Scope) if row.service == "token").complete


def test_nss_tells_a_generated_key_by_what_it_never_was(database: tuple[Collected, bytes]) -> None:
    """It sets CKA_LOCAL for no key and names no mechanism that generated one, but CKA_ALWAYS_SENSITIVE tells."""
    found = rows(database[0])
    generated, imported = (_of_certificate(found, name) for name in ("generated", "imported"))
    assert '"CKA_LOCAL":false' in str(generated.key_settings)
    assert generated.origin is Origin.GENERATED
    assert imported.origin is None, "it may have been imported or derived"
    assert "CKA_KEY_GEN_MECHANISM" in _told(found, imported)["origin"]
    assert (generated.usages, generated.parameter_set) == ([Usage.AGREE, Usage.SIGN], "P-256")


def _of_certificate(found: list[Row], name: str) -> Key:
    certificate = named(found, Certificate, name)
    [key] = [key for key in of(found, Key) if key.id == certificate.key]
    assert certificate.subject == f"CN={name}"
    return key


def test_no_imported_value_of_nss_is_in_the_observations(database: tuple[Collected, bytes]) -> None:
    run, value = database
    told = "".join(o.to_line() for o in run.observations)
    assert value.hex() not in told
    assert nss.PIN not in told


# --- opencryptoki ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def soft_token(tmp_path_factory: pytest.TempPathFactory) -> Collected:
    if os.geteuid() != 0:
        pytest.skip("opencryptoki's daemon needs root, also in namespaces of its own")
    folder = tmp_path_factory.mktemp("opencryptoki")
    opencryptoki.collect_in_namespaces(folder)
    return Collected(folder)


def test_opencryptoki_is_read_whole(soft_token: Collected) -> None:
    assert soft_token.statuses() == {Status.OK}
    found = rows(soft_token)
    assert failures(found) == []
    [store] = of(found, KeyStore)
    assert (store.name, store.protection_level) == (opencryptoki.LABEL, ProtectionLevel.SOFTWARE)
    assert json.loads(str(store.store_settings))["manufacturer"] == "IBM Corp."
    pair = named(found, Key, "issuing")
    assert (pair.bits, pair.origin, pair.extractable, pair.never_extractable) == (2048, Origin.GENERATED, False, True)


def test_opencryptoki_does_not_tell_the_size_of_an_imported_key(soft_token: Collected) -> None:
    found = rows(soft_token)
    generated, imported = (named(found, Key, name) for name in ("generated", "imported"))
    assert (generated.bits, imported.bits) == (256, None)
    assert "CKA_VALUE_LEN" in _told(found, imported)["bits"]
    assert opencryptoki.IMPORTED.hex() not in "".join(o.to_line() for o in soft_token.observations)
