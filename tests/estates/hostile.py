"""Texts that mean harm to whoever reads them, and a configuration, catalogue and registers that hold them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

NOW = datetime(2026, 6, 30, tzinfo=UTC)
FORGED_NAME = "../../../../../../tmp/keyproof-was-here"
"""Where the path leads on which an account's, subscription's or project's files would be, were it not made harmless."""
FORGED_FILE = Path("/tmp/keyproof-was-here")

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


def write_files(folder: Path, sources: Iterable[Mapping[str, Any]], texts: Mapping[str, str]) -> Path:
    """Configuration, catalogue, framework and registers in `folder` that hold the texts; gives the configuration."""
    said = _toml(writable(" ".join(text for name, text in texts.items() if name != "long")))
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
    tables = "\n\n".join(_source(source) for source in sources)
    path.write_text(f"{_CONFIGURATION.replace('SAID', said)}\n{tables}\n", encoding="utf-8")
    return path


def _source(table: Mapping[str, Any]) -> str:
    lines = [f"{name} = {_value(value)}" for name, value in table.items()]
    return "\n".join(["[[source]]", *lines, "attempts = 1", "timeout_seconds = 20"])


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{name} = {_value(inner)}' for name, inner in value.items())} }}"
    return json.dumps(value)


def writable(text: str) -> str:
    """Neither TOML nor protobuf can carry lone surrogates."""
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
subjects = ["arn:aws:kms:*"]
reason = SAID
owner = SAID
approver = "somebody else"
compensating_control = SAID
approved = 2026-01-01
expires = 2027-01-01

[[exception]]
id = "same person"
control = "EVIL-1"
subjects = [SAID]
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
owner = "somebody"
approver = SAID
date = 2026-01-01
expires = 2027-01-01
"""
