"""Clusters of AWS CloudHSM: from what AWS answered to rows."""

import json
from dataclasses import replace

import aws_recordings as aws
import pytest
from normalizing import observation, table

from collectors.source import Settings
from evidence.model import NEVER, GapKind, Manager, ProtectionLevel, State
from evidence.observation import Status

HELD = ("key", "key_version", "certificate", "access")


def rows_of(*clusters, backups=(), settings=aws.SETTINGS):
    exchanges = [
        ("", "cloudhsm:DescribeClusters", {"Clusters": list(clusters)}),
        ("", "cloudhsm:DescribeBackups", {"Backups": list(backups)}),
    ]
    recordings = replace(aws.RECORDINGS, settings=settings)
    return recordings.rows(aws.header("cloudhsm"), aws.recorded("cloudhsm", exchanges))


def store_of(**members):
    return table(rows_of(aws.cluster(**members)), "key_store")[aws.CLUSTER]


def unread(rows):
    """The tables of which rows of a cluster may be missing, by the cluster."""
    return {(gap.of_table, gap.subject) for gap in table(rows, "gap").values() if gap.rows_missing}


def test_a_cluster():
    backups = [aws.backup("a"), aws.backup("b", made="2025-02-01", NeverExpires=True)]
    store = table(rows_of(aws.cluster(), backups=backups), "key_store")[aws.CLUSTER]
    assert (store.kind, store.name) == ("AWS CloudHSM cluster", "issuing")
    assert (store.protection_level, store.activated, store.state) == (ProtectionLevel.HSM, True, State.ACTIVE)
    assert (store.soft_delete, store.purge_protection, store.recovery_days) == (True, False, 90)
    assert (store.network_public, store.private_endpoints, store.deletion_at) == (False, 2, NEVER)
    assert (store.backed_by, store.regions, store.logging_enabled) == ("", None, None)
    settings = json.loads(store.store_settings)
    assert settings["availability_zones"] == ["eu-west-1a", "eu-west-1b"]
    assert settings["hsms"][1] == {
        "id": "hsm-bbbbbbbbbbb",
        "availability_zone": "eu-west-1b",
        "type": "hsm2m.medium",
        "state": "ACTIVE",
    }
    assert settings["backup_retention"] == "90 days"
    assert settings["backups"] == {
        "count": 2,
        "oldest": "2025-02-01T00:00:00Z",
        "newest": "2026-11-19T00:00:00Z",
        "never_expire": 1,
        "waiting_for_deletion": 0,
        "copied_from": [],
    }


@pytest.mark.parametrize(
    ("hsm_type", "mode", "validation", "standard"),
    [
        ("hsm1.medium", "FIPS", "FIPS 140-2 level 3 (certificate 4218)", "FIPS 140-2"),
        ("hsm1.medium", None, "FIPS 140-2 level 3 (certificate 4218)", "FIPS 140-2"),
        ("hsm2m.medium", "FIPS", "FIPS 140-3 level 3 (certificate 4703)", "FIPS 140-3"),
        ("hsm2m.medium", "NON_FIPS", "", ""),
        ("hsm2m.medium", None, None, None),
        ("hsm3.large", "FIPS", None, None),
    ],
)
def test_the_validation_follows_from_type_and_mode(hsm_type, mode, validation, standard):
    store = store_of(HsmType=hsm_type, Mode=mode)
    assert (store.validation, store.validation_standard) == (validation, standard)


@pytest.mark.parametrize(
    ("state", "activated", "of_store"),
    [
        ("UNINITIALIZED", False, State.ACTIVE),
        ("INITIALIZED", False, State.ACTIVE),
        ("DEGRADED", True, State.ACTIVE),
        ("UPDATE_IN_PROGRESS", None, State.ACTIVE),
        ("DELETE_IN_PROGRESS", False, State.PENDING_DELETION),
        ("DELETED", False, State.DESTROYED),
    ],
)
def test_the_state_of_a_cluster(state, activated, of_store):
    store = store_of(State=state)
    assert (store.activated, store.state) == (activated, of_store)
    assert (store.deletion_at is None) == (of_store is not State.ACTIVE)


def test_what_cannot_be_said_in_days_or_of_ipv6():
    store = store_of(BackupRetentionPolicy=None, NetworkType="DUALSTACK")
    assert (store.recovery_days, store.network_public) == (None, None)
    assert json.loads(store.store_settings)["backup_retention"] == "without end"


def test_what_a_cluster_holds_is_unknown_and_not_offered():
    rows = rows_of(aws.cluster())
    assert unread(rows) == {(name, aws.CLUSTER) for name in HELD}
    told = [gap for gap in table(rows, "gap").values() if gap.rows_missing]
    assert {(gap.kind, gap.error) for gap in told} == {
        (GapKind.NOT_OFFERED, "what a cluster holds is read by PKCS#11, with a user of the cluster")
    }
    (scope,) = table(rows, "scope").values()
    assert (scope.complete, scope.listed, scope.described) == (True, 1, 1)


@pytest.mark.parametrize(
    ("members", "holds"),
    [
        ({"State": "UNINITIALIZED"}, False),
        ({"State": "INITIALIZED"}, False),
        ({"State": "INITIALIZED", "SourceBackupId": "backup-aaaaaaaaaaa"}, True),
        ({"State": "DELETE_IN_PROGRESS"}, True),
        ({"State": "DELETED"}, False),
        ({"State": None}, True),
    ],
)
def test_only_a_cluster_that_was_activated_holds_anything(members, holds):
    assert bool(unread(rows_of(aws.cluster(**members)))) == holds


def test_nothing_is_missing_of_a_cluster_that_another_source_reads():
    settings = Settings(keys_read_by={aws.CLUSTER: "hsm-1"})
    rows = rows_of(aws.cluster(), aws.cluster(aws.NEW_CLUSTER), settings=settings)
    assert unread(rows) == {(name, aws.NEW_CLUSTER) for name in HELD}
    assert json.loads(table(rows, "key_store")[aws.CLUSTER].store_settings)["keys_read_by"] == "hsm-1"


def test_certificates_say_of_themselves():
    certificates = table(rows_of(aws.cluster()), "certificate")
    own = certificates[f"{aws.CLUSTER}/ClusterCertificate"]
    assert (own.manager, own.state, own.key_store) == (Manager.CUSTOMER, State.ACTIVE, aws.CLUSTER)
    assert own.issuer == "CN=HSM root,O=Example Ltd"
    assert own.subject.startswith("CN=HSM:")
    assert (own.algorithm, own.bits, own.security_bits) == ("RSA", 2048, 112)
    assert own.activated_at.isoformat() == "2025-01-01T00:00:00+00:00"
    assert own.expires_at.isoformat() == "2034-12-30T00:00:00+00:00"
    assert (own.owner, own.exportable, own.renewal_enabled, own.authority) == ("cards", False, False, False)
    hardware = certificates[f"{aws.CLUSTER}/AwsHardwareCertificate"]
    assert (hardware.manager, hardware.issuer) == (Manager.PROVIDER, "CN=AWS CloudHSM root")
    assert len({certificate.fingerprint for certificate in certificates.values()}) == 4


def test_a_request_waits_for_its_owner():
    from datetime import UTC, datetime

    from keyproof.demo.aws import clusters

    made = clusters.cluster(aws.CLUSTER, created_at=datetime(2026, 1, 1, tzinfo=UTC), zones=[], state="UNINITIALIZED")
    rows = rows_of(aws.cluster(State="UNINITIALIZED", Certificates=made["Certificates"]))
    request = table(rows, "certificate")[f"{aws.CLUSTER}/ClusterCsr"]
    assert (request.state, request.issuer, request.fingerprint) == (State.PRE_ACTIVE, "", "")
    assert (request.activated_at, request.expires_at) == (NEVER, NEVER)
    assert (request.algorithm, request.bits) == ("EC", 256)


def test_what_is_no_certificate_is_an_unknown_certificate():
    rows = rows_of(aws.cluster(Certificates={"ClusterCertificate": "-----BEGIN CERTIFICATE-----\nAA==\n"}))
    (certificate,) = table(rows, "certificate").values()
    assert (certificate.subject, certificate.expires_at, certificate.algorithm) == (None, None, None)
    (gap,) = (g for g in table(rows, "gap").values() if g.subject == certificate.id and "subject" in g.columns)
    assert gap.kind is GapKind.FAILED


def test_backups_outlive_and_leave_their_cluster():
    backups = [
        aws.backup("a", aws.GONE_CLUSTER, SourceRegion="eu-central-1", SourceCluster=aws.GONE_CLUSTER),
        aws.backup("b", aws.NEW_CLUSTER, BackupState="PENDING_DELETION", DeleteTimestamp=aws.day("2026-11-26")),
        aws.backup("c", "cluster-ddddddddddd", BackupState="DELETED"),
    ]
    rows = rows_of(aws.cluster(), backups=backups)
    stores = table(rows, "key_store")
    assert set(stores) == {aws.CLUSTER, f"{aws.GONE_CLUSTER}/backups", f"{aws.NEW_CLUSTER}/backups"}
    copied, doomed = stores[f"{aws.GONE_CLUSTER}/backups"], stores[f"{aws.NEW_CLUSTER}/backups"]
    assert (copied.regions, copied.state, copied.deletion_at) == (["eu-central-1", "eu-west-1"], State.ACTIVE, NEVER)
    assert (doomed.regions, doomed.state) == (["eu-west-1"], State.PENDING_DELETION)
    assert doomed.deletion_at.isoformat() == "2026-11-26T00:00:00+00:00"
    assert unread(rows) == {(name, aws.CLUSTER) for name in HELD}


def test_without_backups_the_clusters_are_known_and_their_settings_are_not():
    made = list(aws.recorded("cloudhsm", aws.CLUSTER_EXCHANGES[:3]))
    made[2] = aws.RECORDINGS.refused(made[2])
    rows = aws.RECORDINGS.rows(aws.header("cloudhsm"), made)
    store = table(rows, "key_store")[aws.CLUSTER]
    assert (store.store_settings, store.recovery_days) == (None, 90)
    assert ("key_store", "") in unread(rows)


def test_a_region_without_cloudhsm_has_nothing_to_be_read():
    header = aws.header("cloudhsm", region="ap-southeast-4")
    error = "NotOfferedInRegion: AWS lists no endpoint"
    asked = observation(header, "", "cloudhsm:DescribeClusters", "")
    rows = aws.RECORDINGS.rows(header, [replace(asked, status=Status.SWITCHED_OFF, error=error)])
    (scope,) = table(rows, "scope").values()
    assert (scope.reached, scope.complete, scope.listed) == (False, True, 0)
    assert not table(rows, "gap")


def test_a_custom_key_store_names_the_cluster_that_holds_its_keys():
    stores = [
        {"CustomKeyStoreId": "cks-1", "CustomKeyStoreType": "AWS_CLOUDHSM", "CloudHsmClusterId": aws.CLUSTER},
        {"CustomKeyStoreId": "cks-2", "CustomKeyStoreType": "EXTERNAL_KEY_STORE"},
    ]
    exchanges = [
        ("", "kms:ListKeys", {"Keys": [], "Truncated": False}),
        ("", "kms:DescribeCustomKeyStores", {"CustomKeyStores": stores, "Truncated": False}),
    ]
    rows = aws.RECORDINGS.rows(aws.header("kms"), aws.recorded("kms", exchanges))
    backing = {id: store.backed_by for id, store in table(rows, "key_store").items()}
    assert (backing["cks-1"], backing["cks-2"]) == (aws.CLUSTER, None)
