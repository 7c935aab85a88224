"""An AWS whose every text was written by somebody who means harm to whoever reads it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from hostile import FORGED_NAME, LONG, NOW, writable

from keyproof.demo.aws.clusters import backup, cluster
from keyproof.demo.aws.embedded import ACCESS_KEY
from keyproof.demo.aws.faults import Rule
from keyproof.demo.aws.world import AccessKey, Account, Alerts, Caller, Certificate, KeyRecord, Material, User, World
from keyproof.demo.faults import Fault
from keyproof.demo.names import days, stable_id

HOME, OTHER, REGION = "111122223333", "444455556666", "eu-west-1"
ROLE = "audit"
FORGED_REGIONS = ("../../../../tmp/keyproof-was-here", "<script>x</script>", "eu-west-1@127.0.0.1", "r" * 700)


def _statement(text: str, **more: object) -> dict[str, object]:
    return {"Sid": text, "Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "kms:Decrypt", "Resource": "*", **more}


def _document(*statements: Mapping[str, object]) -> str:
    return json.dumps({"Version": "2012-10-17", "Id": "hostile", "Statement": list(statements)})


def _policies(texts: Mapping[str, str], home: str) -> dict[str, str]:
    """Policy documents by what they try: some are hostile, and some are none at all."""
    root = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{home}:root"}, "Action": "kms:*", "Resource": "*"}
    everything = list(texts.values())
    return {
        "sids": _document(root, *(_statement(text) for text in everything)),
        "principals": _document(root, _statement("x", Principal={"AWS": everything, "Service": everything[:5]})),
        "principal kinds": _document(root, *(_statement("x", Principal={text: "*"}) for text in everything[:2])),
        "conditions": _document(
            root,
            *(_statement("x", Condition={"StringEquals": {text: [text, "kms"]}}) for text in everything),
        ),
        "operators": _document(root, *(_statement("x", Condition={text: {"aws:x": text}}) for text in everything)),
        "actions": _document(root, _statement("x", Action=everything), _statement("y", NotAction=everything)),
        "resources": _document(root, _statement("x", Resource=everything)),
        "elements": _document(root, {**_statement("x"), **dict.fromkeys(everything, "x")}),
        "broken": '{"Statement": [' + texts["script"],
        "not json": texts["ansi"],
        "empty": "",
        "deep": "[" * LONG,
        "deeper": '{"Statement":' * 2_000 + "1" + "}" * 2_000,
        "long": _document(root, _statement("x" * LONG)),
        "large": _document(root, *(_statement(f"s{n}") for n in range(1_000))),
        "numbers": '{"Version": 1e999, "Statement": NaN}',
        "duplicates": '{"Statement": [], "Statement": [' + json.dumps(_statement("x")) + "]}",
        "wide": json.dumps({"Statement": [{**_statement("x"), "Principal": {"AWS": ["*"] * 10_000}}]}),
    }


def hostile_world(texts: Mapping[str, str]) -> World:
    """The estate: each text stands as name, description, tag, grant and policy of something."""
    world = World(NOW)
    regions = frozenset({REGION, *FORGED_REGIONS})
    arn = f"arn:aws:iam::{HOME}:user/{texts['script']}{texts['control']}{texts['direction']}"
    world.add_account(Account(id=HOME, name=" ".join(texts.values())[:4_000], created_at=NOW, regions=regions))
    world.callers[ACCESS_KEY] = Caller(HOME, arn, "AIDA")
    world.add_account(Account(id=OTHER, name=texts["ansi"], created_at=NOW, regions=frozenset({REGION})))
    world.add_account(Account(id=FORGED_NAME, name=texts["path"], created_at=NOW, regions=frozenset({REGION})))
    world.roles.update(f"arn:aws:iam::{account}:role/{ROLE}" for account in (HOME, OTHER))
    world.organization = f"o-{texts['image']}{texts['formula']}"
    world.refusals = [
        Rule(fault=Fault.REFUSE, operation="kms:ListGrants", subject=stable_id("template"), because=_told(texts)),
        Rule(fault=Fault.REFUSE, operation="ssm:*", account=OTHER, because=texts["long"]),
    ]
    for name, text in texts.items():
        _add_key(world, name, text, texts)
        _add_secret(world, name, text)
    for name, document in _policies(texts, HOME).items():
        key = _plain_key(world, f"policy {name}", document)
        key.policy = document
    for name in ("script", "formula", "ansi", "surrogate", "path", "template", "long"):
        _add_parameter(world, name, texts[name])
    world.key_stores[HOME, REGION] = [
        {
            "CustomKeyStoreId": text,
            "CustomKeyStoreName": text,
            "CloudHsmClusterId": text,
            "CustomKeyStoreType": "AWS_CLOUDHSM",
        }
        for text in texts.values()
    ]
    world.clusters[HOME, REGION] = [_cluster(text) for text in texts.values()]
    world.backups[HOME, REGION] = [
        backup(text, NOW - days(n), SourceRegion=text, SourceCluster=text) for n, text in enumerate(texts.values())
    ]
    world.backups[HOME, REGION] += [backup(f"{text}!", NOW, BackupId=text) for text in texts.values()]
    _add_credentials(world, [_in_xml(text) for text in texts.values()])
    _add_certificates(world, list(texts.values()))
    _add_datastores(world, list(texts.values()))
    _add_alerts(world, [*texts.values(), *_policies(texts, HOME).values()])
    return world


def _in_xml(text: str) -> str:
    """The text without the characters that XML has no way to write."""
    return "".join(c for c in text if c in "\t\n" or (c >= " " and not "\ud800" <= c <= "\udfff"))


def _add_credentials(world: World, texts: list[str]) -> None:
    world.users[HOME] = [
        User(name=f"{number} {text}", created_at=NOW, keys=[AccessKey(id=f"{number} {text}", created_at=NOW)])
        for number, text in enumerate(texts)
    ]
    world.server_certificates[HOME] = [
        {
            "ServerCertificateMetadata": {
                "Path": "/",
                "ServerCertificateName": f"{number} {text}",
                "ServerCertificateId": text,
                "Arn": f"{number} {text}",
            },
            "CertificateBody": text,
            "Tags": [{"Key": "owner", "Value": text}],
        }
        for number, text in enumerate(texts)
    ]


def _add_certificates(world: World, texts: list[str]) -> None:
    world.certificates[HOME, REGION] = [
        Certificate(
            members={
                "CertificateArn": text,
                "DomainName": text,
                "Subject": text,
                "Issuer": text,
                "Status": "ISSUED",
                "Type": "IMPORTED",
                "KeyAlgorithm": "RSA_2048",
                "NotBefore": NOW,
                "NotAfter": NOW,
                "InUseBy": [text],
            },
            tags={"owner": text, text: text},
        )
        for text in texts
    ]


def _add_datastores(world: World, texts: list[str]) -> None:
    plain = [_in_xml(text) for text in texts]
    world.volume_keys[HOME, REGION] = plain[0]
    world.datastores[HOME, REGION, "ec2:DescribeVolumes"] = [
        {"VolumeId": text, "Encrypted": True, "KmsKeyId": text} for text in plain
    ]
    world.datastores[HOME, REGION, "rds:DescribeDBInstances"] = [
        {"DBInstanceArn": text, "StorageEncrypted": True, "KmsKeyId": text} for text in plain
    ]
    world.datastores[HOME, REGION, "cloudtrail:DescribeTrails"] = [
        {"TrailARN": text, "IsMultiRegionTrail": True, "KmsKeyId": text, "CloudWatchLogsLogGroupArn": group}
        for text, group in zip(texts, [f"arn:aws:logs:{REGION}:{HOME}:log-group:trail", *texts], strict=False)
    ]


def _add_alerts(world: World, texts: list[str]) -> None:
    world.alerts[HOME, REGION] = Alerts(
        rules=[{"Name": f"{n} {text}", "State": "ENABLED", "EventPattern": text} for n, text in enumerate(texts)],
        targets={f"{n} {text}": [{"Id": "1", "Arn": text}] for n, text in enumerate(texts)},
        filters=[
            {
                "filterName": text,
                "filterPattern": text,
                "logGroupName": "trail",
                "metricTransformations": [{"metricName": text, "metricNamespace": text, "metricValue": "1"}],
            }
            for text in texts
        ],
        metric_alarms=[{"AlarmName": text, "ActionsEnabled": True, "MetricName": text} for text in texts],
        composite_alarms=[{"AlarmRule": text, "ActionsEnabled": True, "AlarmActions": [text]} for text in texts],
    )


def _cluster(text: str) -> dict[str, Any]:
    members = ("HsmCertificate", "AwsHardwareCertificate", "ManufacturerHardwareCertificate", "ClusterCertificate")
    plain = cluster(text, created_at=NOW, zones=[text, "b"], hsm_type=text, tags={text: text, "Name": text})
    hostile = {"VpcId": text, "SecurityGroup": text, "SourceBackupId": text, "PreCoPassword": text}
    return {**plain, **hostile, "Certificates": {**plain["Certificates"], **dict.fromkeys(members[:3], text)}}


def _told(texts: Mapping[str, str]) -> str:
    return f"{texts['script']}{texts['ansi']}{texts['control']}{texts['formula']}{texts['surrogate']}"


def _record(age: int) -> KeyRecord:
    return KeyRecord(created_at=NOW - days(age), materials=[Material(at=NOW - days(age))])


def _plain_key(world: World, name: str, policy: str) -> Any:
    return world.add_key(HOME, REGION, key_id=stable_id(name), record=_record(500), aliases=[name], policy=policy)


def _add_key(world: World, name: str, text: str, texts: Mapping[str, str]) -> None:
    record = _record(900)
    key = world.add_key(
        HOME,
        REGION,
        key_id=stable_id(name),
        record=record,
        description=text,
        aliases=[text, f"b {text}"],
        tags={text: text, "owner": text, "purpose": text, "data-class": text, "environment": text},
        policy=_document(_statement(text, Principal={"AWS": text}, Condition={"StringLike": {"kms:x": text}})),
    )
    world.add_grant(key, name, at=NOW, operations=["Decrypt"], grantee=text, retiring=text)
    key.grants[next(iter(key.grants))].name = text
    world.add_grant(
        key,
        f"{name} 2",
        at=NOW,
        operations=["Encrypt"],
        grantee=f"arn:aws:iam::{OTHER}:role/x",
        constraints={"EncryptionContextSubset": {text: text}},
    )
    if name == "template":
        record.custom_key_store = texts["image"]


def _add_secret(world: World, name: str, text: str) -> None:
    secret = world.add_secret(
        HOME,
        REGION,
        f"{name}/{writable(text)}",
        created_at=NOW - days(400),
        versions=[(NOW - days(300), ["AWSCURRENT", text])],
        kms_key=text,
        description=text,
        tags={text: text, "owner": text},
        members={
            "RotationEnabled": True,
            "RotationRules": {"AutomaticallyAfterDays": 30, "ScheduleExpression": text},
            "OwningService": text if name in ("script", "ansi") else None,
            "ReplicationStatus": [{"Region": text, "Status": "InSync", "StatusMessage": text}],
            "PrimaryRegion": text if name == "path" else REGION,
        },
    )
    secret.policy = _document({**_statement(text), "Action": "secretsmanager:GetSecretValue"})


def _add_parameter(world: World, name: str, text: str) -> None:
    """moto takes names without a colon only, since one separates a version from the name."""
    world.add_parameter(
        HOME,
        REGION,
        f"/{name}/{writable(text)}" if ":" not in text else f"/{name}",
        modified_at=NOW - days(100),
        kms_key=text,
        tier="Advanced",
        description=text,
        tags={text: text, "owner": text},
        policies=[{"PolicyId": "p", "PolicyHash": "h", "Policy": _document(_statement(text))}],
    )
