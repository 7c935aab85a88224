"""An AWS whose every text was written by somebody who means harm to whoever reads it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from keyproof.demo.aws.embedded import ACCESS_KEY
from keyproof.demo.aws.faults import Rule
from keyproof.demo.aws.world import Account, Caller, KeyRecord, Material, World
from keyproof.demo.faults import Fault
from keyproof.demo.names import days, stable_id

NOW = datetime(2026, 6, 30, tzinfo=UTC)
HOME, OTHER, REGION = "111122223333", "444455556666", "eu-west-1"
ROLE = "audit"
FORGED_ACCOUNT = "../../../../../../tmp/keyproof-was-here"
FORGED_REGIONS = ("../../../../tmp/keyproof-was-here", "<script>x</script>", "eu-west-1@127.0.0.1", "r" * 700)

LONG = 100_000
"""Characters of a long value: more than any provider admits."""


def hostile_texts(address: str, secret_file: Path) -> dict[str, str]:
    """Texts by what they try. `address` is a server that nobody may ask, `secret_file` a file that nobody may read."""
    file = secret_file.as_uri()
    return {
        "script": f"<script>fetch('{address}/script');document.title='owned'</script>",
        "image": f"<img src={address}/image onerror=\"document.title='owned'\">",
        "svg": f"<svg onload=document.title='owned'><image href='{address}/svg'/></svg>",
        "frame": f'"><iframe src="{file}"></iframe><iframe srcdoc="<script>parent.document.title=1</script>">',
        "style": f"</style><link rel=stylesheet href='{address}/link'><style>@import '{address}/import';",
        "css": f"red;background:url({address}/url);}} *{{background:url('{file}')}} @import url({address}/css)",
        "attachment": f"<link rel=attachment href='{file}'><a rel=attachment href='{file}'>x</a>",
        "base": f"<base href='{address}/'><meta http-equiv=refresh content='0;url={address}/refresh'>",
        "comment": "--></title></textarea></script></table></body></html><!--",
        "cdata": "]]> <![CDATA[ &lol; &#x41; &amp; <?xml version='1.0'?><!DOCTYPE x [<!ENTITY lol SYSTEM 'file:///x'>]>",
        "link": f"javascript:alert(1) {address}/plain {file} https://example.com/ mailto:x@example.com",
        "formula": "=cmd|'/C calc'!A0",
        "plus": "+1+cmd|'/C calc'!A0",
        "minus": "-2+3+cmd|'/C calc'!A0",
        "at": "@SUM(1+1)*cmd|'/C calc'!A0",
        "tab": "\t=1+1",
        "return": "\r=1+1",
        "separator": f'";=HYPERLINK("{address}/sheet";"x");"',
        "sheet": f'=WEBSERVICE("{address}/service")',
        "full width": "＝1+1",
        "rich": "<r><t>rich</t></r>",
        "ansi": "\x1b[2J\x1b[31mowned\x1b]0;owned\x07\x1b]8;;http://127.0.0.1/\x1b\\link\x1b]8;;\x1b\\ \x9b31m",
        "control": "nul\x00 bell\x07 back\x08 escape\x1b delete\x7f next\x85 line\u2028 paragraph\u2029",
        "lines": "one\r\ntwo\nINFO keyproof: verified\rover",
        "template": "{{ 7 * 7 }}{{ self.__init__.__globals__ }}{% for x in range(10**9) %}x{% endfor %}{# gone #}",
        "format": "%s %n %(name)s {0} {run.__class__} $as_of ${PATH} `id` $(id)",
        "direction": "\u202egnp.exe\u202c \u2066x\u2069 \u200fשלום\u200e",
        "invisible": "a\u200bb\u200cc\u200dd\ufeffe\u2060f\u00adg\u180eh\u3164i\U000e0041j",
        "surrogate": "half \ud800 and \udfff of a pair",
        "pair": "\\ud83d\\ude00 \\u0000 \\x1b",
        "sql": "x'; DROP TABLE finding; -- \" OR 1=1; ATTACH '/etc/passwd'; $$",
        "path": "../../../../etc/passwd",
        "windows": "..\\..\\C:\\con\\nul.txt:stream",
        "markdown": f"[x]({address}/markdown) ![x]({address}/picture) **b** | a | b | # h <{address}/angle> ``` ~~~",
        "markup": "[bold red]owned[/] [link=http://127.0.0.1/]x[/link] :skull:",
        "percent": "100%25 %00 %2e%2e%2f %s%s%s%n",
        "word": "W" * 3_000,
        "long": ("lorem ipsum <b> " * (LONG // 16))[:LONG],
        "emoji": "🔑👩‍👩‍👧‍👦🏴󠁧󠁢󠁥󠁮󠁧󠁿 é Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢L̠ͨͧͩ͘G̴̻͈͍͔̹̑͗̎̅͛́Ǫ̵̹̻̝̳͂̌̌͘ 鍵 ﷽",
        "observed": "(not observed)",
        "quote": "'\"`´’“„«",
        "sheet name": "'Sheet'!A1:[Book]*?/\\",
    }


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
    world.add_account(Account(id=FORGED_ACCOUNT, name=texts["path"], created_at=NOW, regions=frozenset({REGION})))
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
        {"CustomKeyStoreId": text, "CustomKeyStoreName": text, "CustomKeyStoreType": "AWS_CLOUDHSM"}
        for text in texts.values()
    ]
    return world


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
        f"{name}/{_writable(text)}",
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
        f"/{name}/{_writable(text)}" if ":" not in text else f"/{name}",
        modified_at=NOW - days(100),
        kms_key=text,
        tier="Advanced",
        description=text,
        tags={text: text, "owner": text},
        policies=[{"PolicyId": "p", "PolicyHash": "h", "Policy": _document(_statement(text))}],
    )


def write_files(folder: Path, url: str, texts: Mapping[str, str]) -> Path:
    """Configuration, catalogue, framework and registers in `folder` that hold the texts; gives the configuration."""
    said = _toml(_writable(" ".join(text for name, text in texts.items() if name != "long")))
    catalog = folder / "catalog" / "catalog"
    frameworks = folder / "catalog" / "frameworks"
    catalog.mkdir(parents=True)
    frameworks.mkdir()
    control = _CONTROL.replace("SAID", said).replace("\n", "\r\n")
    (catalog / "=cmd <script>.toml").write_bytes(control.encode())
    (frameworks / "hostile.toml").write_text(_FRAMEWORK.replace("SAID", said), encoding="utf-8")
    (folder / "exceptions.toml").write_text(_EXCEPTIONS.replace("SAID", said), encoding="utf-8")
    (folder / "attestations.toml").write_text(_ATTESTATIONS.replace("SAID", said), encoding="utf-8")
    path = folder / "keyproof.toml"
    path.write_text(_CONFIGURATION.replace("SAID", said).replace("ENDPOINT", url), encoding="utf-8")
    return path


def _writable(text: str) -> str:
    """TOML cannot carry lone surrogates."""
    return "".join(c for c in text if not 0xD800 <= ord(c) <= 0xDFFF)


def _toml(text: str) -> str:
    """A basic string of TOML."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


_CONFIGURATION = """
[organization]
name = SAID

[store]
url = "store"

[audit]
frameworks = ["hostile", "soc2"]
period = { start = 2025-07-01, end = 2026-06-30 }
exceptions = "exceptions.toml"
attestations = "attestations.toml"

[parameters.ROT-02.max_encryption_days]
value = 300
source = SAID

[parameters.EVIL-1.word]
value = SAID
source = SAID

[[source]]
type = "aws"
name = "prod"
regions = "all"
organization = { role = "audit" }
endpoint_url = "ENDPOINT"
attempts = 1
timeout_seconds = 20
"""

_CONTROL = """
[[control]]
id = "EVIL-1"
title = SAID
stage = "governance"
severity = "critical"
meaning = SAID
over = "key"
population = "manager = 'customer'"
test = "description <> $word AND description <> '<script>{{ 1 }}</script>'"
population_words = SAID
test_words = SAID
parameters = { word = { value = SAID, source = SAID } }
remediation = { aws = SAID, other = SAID }
examples = [
    { verdict = "pass", row = { manager = "customer", description = "x" } },
    { verdict = "fail", row = { manager = "customer", description = "<script>{{ 1 }}</script>" } },
    { verdict = "inconclusive", row = { manager = "customer" } },
    { verdict = "not_applicable", row = { manager = "provider", description = "x" } },
]
"""

_FRAMEWORK = """
id = "hostile"
name = SAID
edition = SAID
note = SAID

[[requirement]]
id = "1"
text = SAID
decided = "partly"
metadata = SAID
remains = SAID
controls = ["EVIL-1", "ROT-02"]

[[requirement]]
id = "2"
text = SAID
decided = "manually"
metadata = ""
remains = SAID
controls = []

[parameters.EVIL-1]
word = { value = SAID, source = SAID }
"""

_EXCEPTIONS = """
[[exception]]
id = "=1+1<script>"
control = "ROT-02"
subject = "arn:aws:kms:*"
reason = SAID
owner = SAID
approver = "somebody else"
compensating_control = SAID
approved = 2026-01-01
expires = 2027-01-01

[[exception]]
id = "same person"
control = "EVIL-1"
subject = SAID
reason = SAID
owner = SAID
approver = SAID
compensating_control = SAID
approved = 2026-01-01
expires = 2027-01-01
"""

_ATTESTATIONS = """
[[attestation]]
id = "@attested"
framework = "hostile"
requirements = ["2"]
statement = SAID
document = SAID
sha256 = "0000000000000000000000000000000000000000000000000000000000000000"
approver = SAID
date = 2026-01-01
expires = 2027-01-01
"""
