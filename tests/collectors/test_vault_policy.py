"""ACL policies: which texts are policies, which rule decides on a path, and what a holder may do with a mount."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from collectors.vault.admissions import ALL, Admission, TooManyRules, admissions, everything_on, unplaced
from collectors.vault.duties import DATABASE, ENGINES, GRANTING, KV_2, PKI, TRANSIT, Duty, mounting
from collectors.vault.hcl import DEEPEST, LONGEST, HclError, read_hcl
from collectors.vault.policy import AccessList, Pattern
from collectors.vault.policy_document import PolicyError, parse_policy
from evidence.model import Capability

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)

ACCEPTED = {
    "an attribute twice": ('path "a" { capabilities=["read"]\n capabilities=["list"] }', "a", {"read", "list"}),
    "attributes on one line": ('path "a" { capabilities=["read"] min_wrapping_ttl="1s" }', "a", {"read"}),
    "commas between attributes": ('path "a" { capabilities=["read"], min_wrapping_ttl="1s", }', "a", {"read"}),
    "quoted names": ('"path" "a" { "capabilities"=["read"] }', "a", {"read"}),
    "two names after path": ('path "a" "b" { capabilities=["read"] }', "a", {"read"}),
    "a block without a path": ('path { capabilities=["read"] }', "path", {"read"}),
    "an assignment without a path": ('path = { capabilities=["read"] }', "path", {"read"}),
    "parameters as a block": ('path "a" { capabilities=["read"] allowed_parameters { "x" = [] } }', "a", {"read"}),
    "a comma at the end": ('path "a" { capabilities=["read",] }', "a", {"read"}),
    "commas in a row": ('path "a" { capabilities=[,"read",,"list"] }', "a", {"read", "list"}),
    "comments of each kind": (
        '# x\n// y\n/* z */ path /* k */ "a" { # t\n capabilities = [ # q\n "read", /* w */ "list" ] }',
        "a",
        {"read", "list"},
    ),
    "a mark of comments in quotes": ('path "a#b" { capabilities=["read"] }', "a#b", {"read"}),
    "an escape": ('path "\\u0061" { capabilities=["read"] }', "a", {"read"}),
    "an octal escape": ('path "\\141" { capabilities=["read"] }', "a", {"read"}),
    "quotes between braces": ('path "${a"b}" { capabilities=["read"] }', '${a"b}', {"read"}),
    "a slash at the beginning": ('path "/a" { capabilities=["read"] }', "a", {"read"}),
    "two slashes at the beginning": ('path "//a" { capabilities=["read"] }', "a", {"deny"}),
    "a segment and a beginning": ('path "a/+/*" { capabilities=["read"] }', "a/b/c", {"read"}),
    "an asterisk within": ('path "a/*/c" { capabilities=["read"] }', "a/b/c", {"deny"}),
    "an asterisk within, as itself": ('path "a/*/c" { capabilities=["read"] }', "a/*/c", {"read"}),
    "a plus within a segment": ('path "a/+foo" { capabilities=["read"] }', "a/+foo", {"read"}),
    "a plus within a segment, and a beginning": ('path "a/+foo*" { capabilities=["read"] }', "a/+foobar", {"read"}),
    "a policy of old": ('path "a" { policy="write" }', "a", {"create", "read", "update", "delete", "list"}),
    "old and new": ('path "a" { policy="read" capabilities=["sudo"] }', "a", {"read", "list", "sudo"}),
    "old denial": ('path "a" { capabilities=["sudo"] policy="deny" }', "a", {"deny"}),
    "denial among others": ('path "a" { capabilities=["read","deny"] }', "a", {"deny"}),
    "a path twice": ('path "a" { capabilities=["read"] } path "a" { capabilities=["list"] }', "a", {"read", "list"}),
    "a path twice, once denied": (
        'path "a" { capabilities=["read"] } path "a" { capabilities=["deny"] }',
        "a",
        {"deny"},
    ),
    "JSON": ('{"path":{"a":{"capabilities":["read"]}}}', "a", {"read"}),
    "JSON with a list": ('{"path":[{"a":{"capabilities":["read"]}},{"b":{"capabilities":["list"]}}]}', "b", {"list"}),
    "JSON with a member twice": (
        '{"path":{"a":{"capabilities":["read"]}},"path":{"a":{"capabilities":["list"]}}}',
        "a",
        {"read", "list"},
    ),
    "JSON with an attribute twice": (
        '{"path":{"a":{"capabilities":["read"],"capabilities":["list"]}}}',
        "a",
        {"read", "list"},
    ),
    "a name": ('name="x" path "a" { capabilities=["read"] }', "a", {"read"}),
    "no capability": ('path "a" { capabilities=[] }', "a", {"deny"}),
    "nothing about a path": ('path "a" { }', "a", {"deny"}),
    "everything": ('path "*" { capabilities=["read"] }', "a/b", {"read"}),
    "one segment": ('path "+" { capabilities=["read"] }', "a", {"read"}),
    "an expired rule": ('path "a" { capabilities=["read"] expiration="2020-01-01T00:00:00Z" }', "a", {"deny"}),
    "a rule that will expire": ('path "a" { capabilities=["read"] expiration="2090-01-01T00:00:00Z" }', "a", {"read"}),
    "an expiration in seconds": ('path "a" { capabilities=["read"] expiration=1577836800 }', "a", {"deny"}),
    "an expiration in seconds, as text": ('path "a" { capabilities=["read"] expiration="1577836800" }', "a", {"deny"}),
    "a template": ('path "a/{{identity.entity.name}}/*" { capabilities=["read"] }', "a/x", {"deny"}),
    "nothing but a comment": ("# x", "a", {"deny"}),
    "names with a dash": ('path a-b { capabilities=["read"] }', "a-b", {"read"}),
    "names with a dot": ('path a.b { capabilities=["read"] }', "a.b", {"read"}),
    "methods of multifactor authentication": ('path "a" { capabilities=["read"] mfa_methods=["x"] }', "a", {"read"}),
    "a parameter twice": (
        'path "a" { capabilities=["read"] allowed_parameters = { "x" = ["a"] "x"=["b"] } }',
        "a",
        {"read"},
    ),
    "a comment in lines": ('path "a" { capabilities=["read"] comment = <<E\nwhy\nE\n }', "a", {"read"}),
}
"""Policy, a path, and what is allowed there. A real server says the same: see test_vault_policy_server.py."""

REFUSED = {
    "capabilities as text": 'path "a" { capabilities="read" }',
    "an object for paths": 'path = { "a" = { capabilities=["read"] } }',
    "an assignment after a name": 'path "a" = { capabilities=["read"] }',
    "lines for a capability": 'path "a" { capabilities=[<<E\nread\nE\n] }',
    "no comma": 'path "a" { capabilities=["read" "list"] }',
    "an escape that is none": 'path "\\q" { capabilities=["read"] }',
    "a line end in quotes": 'path "a\nb" { capabilities=["read"] }',
    "a segment and a beginning at once": 'path "a/+*" { capabilities=["read"] }',
    "JSON with a list of bodies": '{"path":{"a":[{"capabilities":["read"]},{"capabilities":["list"]}]}}',
    "something beside paths": 'foo="x" path "a" { capabilities=["read"] }',
    "an attribute that is not known": 'path "a" { capabilities=["read"] foo=1 }',
    "a capability that is not known": 'path "a" { capabilities=["read","fly"] }',
    "a capability in capitals": 'path "a" { capabilities=["READ"] }',
    "path in capitals": 'PATH "a" { capabilities=["read"] }',
    "an expiration without a time": 'path "a" { capabilities=["read"] expiration="2020-01-01" }',
    "a template without an end": 'path "a/{{identity.entity.name/*" { capabilities=["read"] }',
    "a number for a capability": 'path "a" { capabilities=[1] }',
    "a boolean for a capability": 'path "a" { capabilities=[true] }',
    "a list in a list": 'path "a" { capabilities=[["read"]] }',
    "a semicolon": 'path "a" { capabilities=["read"]; }',
    "a colon": 'path "a" { capabilities: ["read"] }',
    "a byte order mark": '\ufeffpath "a" { capabilities=["read"] }',
    "lines for a path": 'path <<E\na\nE\n { capabilities=["read"] }',
    "a brace too many": 'path "a" { capabilities=["read"] } }',
    "a brace too few": 'path "a" { capabilities=["read"] ',
    "a policy of old that is not known": 'path "a" { policy="everything" }',
}


@pytest.mark.parametrize(("text", "path", "capabilities"), ACCEPTED.values(), ids=ACCEPTED)
def test_a_policy_is_read_as_servers_read_it(text: str, path: str, capabilities: set[str]) -> None:
    assert (_list({"p": text}).decision(path).capabilities or {"deny"}) == capabilities


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED)
def test_what_is_no_policy_is_an_error_and_never_an_empty_policy(text: str) -> None:
    with pytest.raises(PolicyError):
        parse_policy(text)


def test_json_is_read_more_strictly_than_by_servers() -> None:
    """They take an object without its last brace; what is more than that is not worth guessing."""
    with pytest.raises(PolicyError):
        parse_policy('{"path":{"a":{"capabilities":["read"]}}')


def test_an_escape_beyond_all_characters_is_an_error() -> None:
    for escape in ("\\U00110000", "\\ud800"):
        with pytest.raises(HclError):
            read_hcl(f'path "{escape}" {{}}')


def test_a_policy_nested_without_end_or_too_long_is_an_error() -> None:
    for text in ("a = " + "[" * 100_000, "a {" * 100_000, '{"a":' * 100_000, "#" * (LONGEST + 1)):
        with pytest.raises(HclError):
            read_hcl(text)
    read_hcl("a = " + "[" * DEEPEST + "]" * DEEPEST)


@given(st.text(alphabet='path {}[]"=,#/*\n\\+ad${<E-1.', max_size=60))
@settings(max_examples=400)
def test_any_text_is_a_policy_or_an_error(text: str) -> None:
    try:
        parse_policy(text)
    except PolicyError:
        return


def _list(policies: dict[str, str]) -> AccessList:
    return AccessList({name: parse_policy(text) for name, text in policies.items()}, NOW)


def _allow(path: str, *capabilities: str) -> str:
    return f"path {json.dumps(path)} {{ capabilities = {json.dumps(list(capabilities))} }}\n"


@pytest.mark.parametrize(
    ("paths", "asked", "decides"),
    [
        (["secret/*", "secret/app"], "secret/app", "secret/app"),
        (["secret/*", "secret/app/*"], "secret/app/db", "secret/app/*"),
        (["foo/a*", "foo/+"], "foo/ab", "foo/a*"),
        (["foo/bar/+/baz", "foo/+/bar/baz"], "foo/bar/bar/baz", "foo/bar/+/baz"),
        (["foo/+/bar", "foo/+/ba*"], "foo/x/bar", "foo/+/bar"),
        (["foo/+", "foo/*"], "foo/x", "foo/+"),
        (["foo/+/+/baz", "foo/+/x/baz"], "foo/y/x/baz", "foo/+/x/baz"),
        (["foo/+/bar/ba*", "foo/+/bar/b*"], "foo/x/bar/baz", "foo/+/bar/ba*"),
        (["*", "+/*"], "foo/x", "*"),
        (["é*", "e/+"], "é/x", "é*"),
    ],
)
def test_the_most_specific_rule_decides(paths: list[str], asked: str, decides: str) -> None:
    """Source: HashiCorp Vault documentation, Policies, "Priority matching"."""
    access = _list({f"p{number}": _allow(path, "read") for number, path in enumerate(paths)})
    assert access.decision(asked).path == decides


def test_rules_on_one_path_add_up_over_policies_and_denial_wins() -> None:
    reads, writes, denies = _allow("a", "read"), _allow("a", "update"), _allow("a", "deny")
    both = _list({"reader": reads, "writer": writes}).decision("a")
    assert both.capabilities == {"read", "update"}
    assert both.granting({"read"}) == ["reader"]
    assert both.granting({"read", "update"}) == ["reader", "writer"]
    for order in ({"r": reads, "d": denies}, {"d": denies, "r": reads}, {"d": denies, "r": reads, "w": writes}):
        assert _list(order).decision("a").capabilities == {"deny"}


def test_a_narrow_denial_takes_back_what_a_wide_rule_gives_and_the_other_way_round() -> None:
    access = _list({"p": _allow("a/*", "read") + _allow("a/b/*", "deny") + _allow("a/b/c", "read")})
    found = [access.decision(path).capabilities for path in ("a/x", "a/b/x", "a/b/c")]
    assert found == [{"read"}, {"deny"}, {"read"}]


def test_restrictions_of_rules_on_one_path_hold_together() -> None:
    one = 'path "a" { capabilities=["update"] allowed_parameters={"X"=["1"],"y"=[]} required_parameters=["x"] }'
    two = 'path "a" { capabilities=["update"] allowed_parameters={"x"=["2"],"y"=["3"]} max_wrapping_ttl="1h" }'
    assert _list({"one": one, "two": two}).decision("a").restrictions == {
        "allowed_parameters": {"x": ["1", "2"], "y": []},
        "required_parameters": ["x"],
        "max_wrapping_ttl": "1h",
    }


def test_a_rule_counts_until_it_expires() -> None:
    text = f'path "a" {{ capabilities=["read"] expiration="{NOW.isoformat()}" }}'
    for late, capabilities in ((timedelta(), {"read"}), (timedelta(seconds=1), {"deny"})):
        assert AccessList({"p": parse_policy(text)}, NOW + late).decision("a").capabilities == capabilities


# --- what is allowed below a mount ----------------------------------------------------------------------------------


def _told(policies: dict[str, str], mount: str, duties: tuple[Duty, ...]) -> set[tuple[Capability, str, str]]:
    return {(a.capability, a.names, a.conditions) for a in admissions(_list(policies), mount, duties)}


def test_a_rule_on_all_keys_of_a_mount_admits_to_all() -> None:
    for path in ("transit/encrypt/*", "transit/encrypt/+", "transit/encrypt*", "+/encrypt/+"):
        assert _told({"p": _allow(path, "update")}, "transit/", TRANSIT) == {(Capability.USE, ALL, "{}")}, path


def test_a_rule_on_one_key_admits_to_it_alone() -> None:
    found = admissions(_list({"app": _allow("transit/decrypt/app", "update")}), "transit/", TRANSIT)
    assert found == (Admission(Capability.DECRYPT, "app", True, "{}", ("app",)),)
    found = admissions(_list({"app": _allow("transit/keys/app/*", "update")}), "transit/", TRANSIT)
    assert found == (Admission(Capability.ADMINISTER, "app", True, "{}", ("app",)),)


def test_a_rule_on_a_beginning_or_a_template_admits_under_a_condition() -> None:
    for name in ("app-*", "{{identity.entity.name}}"):
        found = _told({"p": _allow(f"transit/decrypt/{name}", "update")}, "transit/", TRANSIT)
        assert found == {(Capability.DECRYPT, name, json.dumps({"names": name}, separators=(",", ":")))}


def test_an_asterisk_within_a_path_is_the_name_of_nothing() -> None:
    assert _told({"p": _allow("transit/keys/*/rotate", "update")}, "transit/", TRANSIT) == set()


def test_a_mount_of_several_parts_is_met_by_its_whole_path() -> None:
    policies = {"p": _allow("team/+/encrypt/*", "update")}
    assert _told(policies, "team/transit/", TRANSIT) == {(Capability.USE, ALL, "{}")}
    assert _told(policies, "other/transit/", TRANSIT) == set()
    assert _told(policies, "transit/", TRANSIT) == set()


def test_reading_what_describes_keys_admits_to_nothing() -> None:
    policies = {"p": _allow("transit/keys/*", "read", "list") + _allow("sys/mounts", "read")}
    assert _told(policies, "transit/", (*TRANSIT, *mounting("transit/"))) == set()


@pytest.mark.parametrize(
    ("path", "capability"),
    [
        ("transit/export/encryption-key/app", "read"),
        ("transit/export/+/app", "read"),
        ("transit/export/signing-key/app/3", "read"),
        ("transit/backup/app", "read"),
    ],
)
def test_a_key_is_exported_by_reading_it_out(path: str, capability: str) -> None:
    assert _told({"p": _allow(path, capability)}, "transit/", TRANSIT) == {(Capability.EXPORT, "app", "{}")}


@pytest.mark.parametrize(
    ("path", "capability"),
    [
        ("transit/keys/app/rotate", "update"),
        ("transit/keys/app/config", "update"),
        ("transit/keys/app/trim", "update"),
        ("transit/keys/app", "create"),
        ("transit/keys/app", "delete"),
    ],
)
def test_a_key_is_administered(path: str, capability: str) -> None:
    assert _told({"p": _allow(path, capability)}, "transit/", TRANSIT) == {(Capability.ADMINISTER, "app", "{}")}


def test_a_name_that_is_denied_is_left_out() -> None:
    policies = {"p": _allow("transit/decrypt/*", "update") + _allow("transit/decrypt/root-*", "deny")}
    assert _told(policies, "transit/", TRANSIT) == {(Capability.DECRYPT, ALL, '{"except":["root-*"]}')}


def test_a_wide_rule_that_a_narrower_one_overrides_altogether_admits_to_nothing() -> None:
    policies = {"p": _allow("transit/*", "update") + _allow("transit/decrypt/*", "deny")}
    assert Capability.DECRYPT not in {capability for capability, _, _ in _told(policies, "transit/", TRANSIT)}


def test_what_narrows_a_request_is_a_condition() -> None:
    text = 'path "transit/decrypt/app" { capabilities=["update"] denied_parameters={"context"=[]} }'
    assert _told({"p": text}, "transit/", TRANSIT) == {
        (Capability.DECRYPT, "app", '{"denied_parameters":{"context":[]}}')
    }


def test_secrets_are_read_given_values_and_destroyed() -> None:
    policies = {
        "reader": _allow("secret/data/app/*", "read"),
        "writer": _allow("secret/data/app/db", "create", "patch"),
        "owner": _allow("secret/destroy/+/db", "update"),
        "looker": _allow("secret/metadata/*", "read", "list"),
    }
    assert _told(policies, "secret/", KV_2) == {
        (Capability.DECRYPT, "app/*", '{"except":["app/db"],"names":"app/*"}'),
        (Capability.USE, "app/db", "{}"),
        (Capability.ADMINISTER, "+/db", '{"names":"+/db"}'),
    }


def test_what_needs_sudo_is_not_given_without() -> None:
    assert _told({"p": _allow("pki/root", "delete")}, "pki/", PKI) == set()
    assert _told({"p": _allow("pki/root", "delete", "sudo")}, "pki/", PKI) == {(Capability.ADMINISTER, ALL, "{}")}


def test_whoever_may_change_policies_may_grant() -> None:
    for path in ("sys/policies/acl/*", "sys/policy/+", "auth/+/role/*", "identity/group/id/x"):
        assert {capability for capability, _, _ in _told({"p": _allow(path, "update")}, "", GRANTING)} == {
            Capability.GRANT
        }, path


def test_whoever_may_disable_a_mount_administers_it() -> None:
    policies = {"p": _allow("sys/mounts/team/transit", "delete")}
    assert _told(policies, "", mounting("team/transit/")) == {(Capability.ADMINISTER, ALL, "{}")}
    assert _told(policies, "", mounting("transit/")) == set()


def test_the_policy_root_admits_to_everything() -> None:
    found = admissions(AccessList({"root": ()}, NOW), "transit/", TRANSIT)
    assert {admission.capability for admission in found} == set(Capability)
    assert {admission.policies for admission in found} == {("root",)}


EVERY = ("create", "read", "update", "delete", "list")


@pytest.mark.parametrize(
    ("paths", "wild"),
    [
        (["*"], True),
        (["+/*"], True),
        (["transit/*"], True),
        (["tran*"], True),
        (["transit/+/*"], True),
        (["transit/keys/*"], False),
        (["secret/*"], False),
        (["transit/encrypt/+", "transit/decrypt/+"], False),
    ],
)
def test_everything_on_a_mount_is_told_apart(paths: list[str], wild: bool) -> None:
    assert everything_on(_list({"p": "".join(_allow(path, *EVERY) for path in paths)}), "transit/") is wild


def test_everything_is_not_given_by_a_part_of_the_capabilities_nor_under_a_narrower_denial() -> None:
    assert not everything_on(_list({"p": _allow("*", "read", "list")}), "transit/")
    assert not everything_on(_list({"p": _allow("*", *EVERY) + _allow("transit/*", "deny")}), "transit/")
    assert everything_on(_list({"p": _allow("*", *EVERY) + _allow("transit/keys/x", "deny")}), "transit/")


def test_a_template_in_the_place_of_a_mount_is_told() -> None:
    policies = {"p": _allow("{{identity.entity.name}}/decrypt/*", "update") + _allow("secret/{{x}}/y", "read")}
    assert unplaced(_list(policies), "transit/") == ["{{identity.entity.name}}/decrypt/*"]


_PARTS = st.sampled_from(("+", "*", "a", "b", "ab", "a*", "r*", "transit", "data", "keys", "rotate", "destroy"))
_HEADS = st.sampled_from(
    ((), ("transit",), ("transit", "keys"), ("+", "encrypt"), ("secret",), ("secret", "data"), ("+", "data"))
)
_PATHS = st.tuples(_HEADS, st.lists(_PARTS, min_size=1, max_size=3), st.sampled_from(("", "", "*"))).map(
    lambda parts: "/".join([*parts[0], *parts[1]]) + parts[2]
)
_RULES = st.lists(
    st.tuples(_PATHS, st.sets(st.sampled_from(("update", "create", "read", "delete", "patch", "deny")), min_size=1)),
    min_size=1,
    max_size=5,
)


@pytest.mark.parametrize(
    ("mount", "duties", "names"),
    [("transit/", TRANSIT, ("a", "b", "ab", "abc")), ("secret/", KV_2, ("a", "b", "a/b", "ab/a", "b/a/b"))],
)
@given(rules=_RULES)
@settings(max_examples=200, deadline=None)
def test_admissions_say_of_each_name_what_the_rules_decide(
    rules: list[tuple[str, set[str]]], mount: str, duties: tuple[Duty, ...], names: tuple[str, ...]
) -> None:
    assume(not any("+*" in path for path, _ in rules))
    of_names = [duty for duty in duties if "{any}" not in duty.segments and duty.segments[0] != "config"]
    access = _list({"p": "".join(_allow(path, *capabilities) for path, capabilities in rules)})
    found = admissions(access, mount, of_names)
    for name in names:
        decided = {duty.capability for duty in of_names if _decided(access, mount, duty, name)}
        assert {admission.capability for admission in found if _admits(admission, name)} == decided, name


def _decided(access: AccessList, mount: str, duty: Duty, name: str) -> bool:
    path = mount + "/".join(duty.segments).replace("{name}", name).replace("{path}", name)
    return access.decision(path).allows(duty.wanted)


def _admits(admission: Admission, name: str) -> bool:
    left_out = json.loads(admission.conditions).get("except", [])
    parts = name.split("/")
    return Pattern.of(admission.names).describes(parts) and not any(
        Pattern.of(other).describes(parts) for other in left_out
    )


def test_policies_of_very_many_rules_are_worked_out_in_time_or_not_at_all() -> None:
    many = "".join(_allow(f"transit/+/k{number}*", "update") for number in range(2_000))
    assert len(admissions(_list({"p": many}), "transit/", TRANSIT)) == 3 * 2_000
    denied = "".join(_allow(f"transit/+/k{number}*", "deny") for number in range(2_000, 2_400))
    with pytest.raises(TooManyRules):
        admissions(_list({"p": many + denied}), "transit/", TRANSIT)


def test_every_engine_tells_of_reading_and_of_administering() -> None:
    """An engine without either would leave its mounts without rows, which reads as nobody."""
    for kind, duties in ENGINES.items():
        capabilities = {duty.capability for duty in duties}
        assert Capability.ADMINISTER in capabilities, kind
        assert capabilities & {Capability.USE, Capability.DECRYPT}, kind
    assert {duty.capability for duty in DATABASE} == {Capability.ADMINISTER, Capability.DECRYPT}
