"""Who is alerted to what happens to keys and secrets: from rules, metric filters and alarms to the store's fact."""

import json
from collections import Counter

import aws_recordings as aws
import pytest
from normalizing import table

from collectors.aws import alert_patterns
from collectors.aws.alert_patterns import Event, filter_matches, rule_matches
from collectors.aws.facts import alert
from evidence.model import GapKind
from evidence.reading import Reading

DELETION = Event("kms", "ScheduleKeyDeletion", aws.ACCOUNT, aws.REGION)


def matched(**pattern):
    return rule_matches(json.dumps(pattern), DELETION)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ({"source": ["aws.kms"]}, True),
        ({"source": ["aws.s3", "aws.kms"], "detail-type": ["AWS API Call via CloudTrail"]}, True),
        ({"source": ["aws.s3"]}, False),
        ({"source": [{"prefix": "aws."}]}, True),
        ({"source": [{"suffix": ".s3"}]}, False),
        ({"source": [{"equals-ignore-case": "AWS.KMS"}]}, True),
        ({"source": [{"wildcard": "aws.*"}]}, True),
        ({"source": [{"wildcard": "aws.\\*"}]}, None),
        ({"source": [{"anything-but": ["aws.s3"]}]}, True),
        ({"source": [{"anything-but": "aws.kms"}]}, False),
        ({"source": [{"anything-but": {"prefix": "aws."}}]}, None),
        ({"source": [{"cidr": "10.0.0.0/8"}]}, None),
        ({"source": [{"exists": True}]}, True),
        ({"source": [{"exists": False}]}, False),
        ({"account": [aws.ACCOUNT], "region": [aws.REGION]}, True),
        ({"account": [aws.STRANGER]}, False),
        ({"detail": {"eventName": ["ScheduleKeyDeletion"], "eventSource": ["kms.amazonaws.com"]}}, True),
        ({"detail": {"eventName": ["DisableKey"]}}, False),
        ({"detail": {"readOnly": [False]}}, True),
        ({"detail": {"errorCode": [{"exists": False}]}}, True),
        ({"detail": {"errorCode": ["AccessDenied"]}}, False),
        ({"detail": {"errorCode": [{"exists": True}]}}, False),
        ({"detail": {"requestParameters": {"keyId": ["k"]}}}, None),
        ({"detail": {"userIdentity": {"type": ["Root"]}, "eventName": ["DisableKey"]}}, False),
        ({"resources": ["x"]}, None),
        ({"$or": [{"source": ["aws.s3"]}, {"source": ["aws.kms"]}]}, True),
        ({"$or": [{"source": ["aws.s3"]}, {"resources": ["x"]}]}, None),
        ({"source": "aws.kms"}, None),
        ({"source": []}, False),
        ({}, True),
    ],
)
def test_patterns_of_rules(pattern, expected):
    assert matched(**pattern) is expected


@pytest.mark.parametrize(
    "pattern",
    ["", "[]", "nothing", "[" * 100_000, '{"a":' * 50 + "{}" + "}" * 50, '{"source": ["' + "x" * 20_000 + '"]}'],
)
def test_what_is_no_pattern_of_a_rule_is_not_decided(pattern):
    assert rule_matches(pattern, DELETION) is None


def test_an_account_that_is_not_known_is_not_decided():
    assert rule_matches(json.dumps({"account": [aws.ACCOUNT]}), Event("kms", "DisableKey", "", aws.REGION)) is None


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("", True),
        ("{ $.eventName = ScheduleKeyDeletion }", True),
        ('{ $.eventName = "DisableKey" }', False),
        (
            "{($.eventSource = kms.amazonaws.com) && (($.eventName=DisableKey)||($.eventName=ScheduleKeyDeletion)) }",
            True,
        ),
        ("{ ($.eventSource = kms.*) && ($.eventName != DisableKey) }", True),
        ("{ $.eventName = Schedule* && $.errorCode NOT EXISTS }", True),
        ("{ $.errorCode = AccessDenied || $.eventName = DisableKey }", False),
        ("{ $.errorCode EXISTS }", False),
        ("{ $.eventName EXISTS }", True),
        ("{ $.eventName NOT EXISTS }", False),
        ("{ $.userIdentity.type = Root }", None),
        ("{ $.userIdentity.type = Root && $.eventName = DisableKey }", False),
        ("{ $.userIdentity.type NOT EXISTS }", None),
        ("{ $.eventVersion EXISTS }", None),
        ("{ $.errorCode != AccessDenied }", None),
        ("{ $.eventName = *KeyDeletion }", True),
        ('{ $.eventName = "*Key*" }', True),
        ("{ $.eventName != * }", False),
        ("{ $.eventName = Schedule*Deletion }", None),
        ("{ $.eventName != Disable*Key }", None),
        ("{ $.eventName = ScheduleKey????tion }", None),
        ("{ $.eventName = %Key% }", None),
        ("{ $.eventName != %Key% }", None),
        ('{ $.eventName = "%Key%" }', None),
        ("{ $.eventName = %^Disable.*% }", None),
        ("{ $.readOnly IS FALSE }", None),
        ("{ $.eventName > a }", None),
        ("{ $.eventName = }", None),
        ("{ ($.eventName = DisableKey }", None),
        ("{ $.eventName = DisableKey } x", None),
        ("ScheduleKeyDeletion", None),
        ("{", None),
        ("{" + "(" * 5_000, None),
        ("{ $.eventName = " + "x" * 20_000 + " }", None),
    ],
)
def test_patterns_of_metric_filters(pattern, expected):
    assert filter_matches(pattern, DELETION) is expected


def kms(**alerts):
    """The row of KMS, and the gaps of its alerts."""
    exchanges = [
        ("", "kms:ListKeys", {"Keys": [], "Truncated": False}),
        ("", "kms:DescribeCustomKeyStores", {"CustomKeyStores": [], "Truncated": False}),
        *aws.alert_exchanges(**alerts),
    ]
    rows = aws.RECORDINGS.rows(aws.header("kms"), aws.recorded("kms", exchanges))
    (store,) = table(rows, "key_store").values()
    return store, [gap for gap in table(rows, "gap").values() if "alerted_events" in gap.columns]


ALL = aws.rule("all", {"source": ["aws.kms"]})


def test_rules_and_alarms_together_alert():
    rows = aws.RECORDINGS.rows(aws.header("kms"), aws.recorded("kms"))
    stores = table(rows, "key_store")
    assert stores[f"arn:aws:kms:{aws.REGION}:{aws.ACCOUNT}"].alerted_events == ["delete", "disable", "policy_change"]
    assert stores["cks-1234567890abcdef0"].alerted_events == ["delete", "disable", "policy_change"]


def test_without_a_trail_nothing_is_told_of():
    assert kms(trails=[], rules=[ALL], targets={"all": [aws.TOPIC]})[0].alerted_events == []


def test_a_trail_that_logs_nothing_tells_of_nothing():
    stopped = {aws.TRAIL: False}
    assert kms(logging=stopped, rules=[ALL], targets={"all": [aws.TOPIC]})[0].alerted_events == []
    both = [{"TrailARN": aws.TRAIL}, {"TrailARN": aws.FAR_TRAIL}]
    store, _ = kms(trails=both, logging=stopped, rules=[ALL], targets={"all": [aws.TOPIC]})
    assert store.alerted_events == ["delete", "disable", "import", "policy_change"]


def basic(**members):
    return {"EventSelectors": [{"ReadWriteType": "All", "IncludeManagementEvents": True, **members}]}


def advanced(*fields):
    told = [{"Field": "eventCategory", "Equals": ["Management"]}, *fields]
    return {"AdvancedEventSelectors": [{"FieldSelectors": told}]}


@pytest.mark.parametrize(
    ("selectors", "tells"),
    [
        (basic(), True),
        (basic(ReadWriteType="WriteOnly"), True),
        (basic(ReadWriteType="ReadOnly"), False),
        (basic(IncludeManagementEvents=False), False),
        (basic(ExcludeManagementEventSources=["rdsdata.amazonaws.com"]), True),
        (basic(ExcludeManagementEventSources=["kms.amazonaws.com"]), False),
        ({"EventSelectors": []}, False),
        (advanced(), True),
        (advanced({"Field": "readOnly", "Equals": ["false"]}), True),
        (advanced({"Field": "readOnly", "Equals": ["true"]}), False),
        (advanced({"Field": "eventSource", "NotEquals": ["kms.amazonaws.com"]}), False),
        (advanced({"Field": "eventSource", "NotStartsWith": ["s3"], "NotEndsWith": [".cn"]}), True),
        (advanced({"Field": "eventSource", "StartsWith": ["kms"], "EndsWith": [".com"]}), True),
        (advanced({"Field": "userIdentity.arn", "NotStartsWith": ["arn:aws:sts"]}), None),
        ({"AdvancedEventSelectors": [{"FieldSelectors": [{"Field": "eventCategory", "Equals": ["Data"]}]}]}, False),
        ({}, None),
    ],
)
def test_what_a_trail_leaves_out_nobody_hears_of(selectors, tells):
    store, _ = kms(selectors=selectors, rules=[ALL], targets={"all": [aws.TOPIC]})
    everything = ["delete", "disable", "import", "policy_change"]
    assert store.alerted_events == {True: everything, False: [], None: None}[tells]


@pytest.mark.parametrize(
    ("rules", "targets", "alerted"),
    [
        ([ALL], {"all": [aws.TOPIC]}, ["delete", "disable", "import", "policy_change"]),
        ([ALL], {"all": []}, []),
        ([{**ALL, "State": "DISABLED"}], {}, []),
        ([{**ALL, "State": "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"}], {"all": [aws.TOPIC]}, 4),
        ([{**ALL, "State": "SOMETHING_NEW"}], {"all": [aws.TOPIC]}, None),
        ([{**ALL, "ManagedBy": "config.amazonaws.com"}], {"all": [aws.TOPIC]}, []),
        ([ALL], {"all": [f"arn:aws:events:{aws.REGION}:{aws.STRANGER}:event-bus/security"]}, None),
        ([aws.rule("s3", {"source": ["aws.s3"]})], {}, []),
        ([aws.rule("odd", {"detail": {"requestParameters": {"keyId": ["k"]}}})], {"odd": [aws.TOPIC]}, None),
        ([], {}, []),
    ],
)
def test_rules(rules, targets, alerted):
    events = kms(rules=rules, targets=targets)[0].alerted_events
    assert events == alerted or (alerted == 4 and len(events) == 4)


def test_what_is_not_decided_is_a_gap():
    bus = f"arn:aws:events:{aws.REGION}:{aws.STRANGER}:event-bus/security"
    _, gaps = kms(rules=[ALL], targets={"all": [bus]})
    assert [gap.kind for gap in gaps] == [GapKind.NOT_OFFERED]


COUNTED = aws.metric_filter("{ $.eventSource = kms.amazonaws.com }")


@pytest.mark.parametrize(
    ("filters", "alarms", "alerted"),
    [
        ([COUNTED], [aws.alarm()], 4),
        ([COUNTED], [], []),
        ([COUNTED], [aws.alarm(ActionsEnabled=False)], []),
        ([COUNTED], [aws.alarm(AlarmActions=[])], []),
        ([COUNTED], [aws.alarm(Namespace="Other")], []),
        ([aws.metric_filter("{ $.eventName = ConsoleLogin }")], None, []),
        ([aws.metric_filter("DisableKey")], [aws.alarm()], None),
        ([{**COUNTED, "fieldSelectionCriteria": '@aws.region = "x"'}], [aws.alarm()], None),
        (
            [COUNTED],
            [
                aws.alarm(
                    MetricName=None,
                    Namespace=None,
                    Metrics=[{"Id": "a", "MetricStat": {"Metric": {"Namespace": "Trail", "MetricName": "KeyChanges"}}}],
                )
            ],
            None,
        ),
        ([], None, []),
    ],
)
def test_metric_filters_and_alarms(filters, alarms, alerted):
    events = kms(filters=filters, alarms=alarms)[0].alerted_events
    assert events == alerted or (alerted == 4 and len(events) == 4)


def test_rules_and_alarms_are_gone_through_once_each(monkeypatch):
    gone_through = Counter()

    def of(reading, operation):
        for one in reading.observations:
            if one.operation == operation:
                gone_through["exchanges"] += 1
                yield one

    def some(decided):
        found = list(decided)
        gone_through["alarms"] += len(found)
        return alert_patterns.some(found)

    monkeypatch.setattr(Reading, "of", of)
    monkeypatch.setattr(alert, "some", some)
    many = 200
    rules = [aws.rule(f"rule-{n}", {"source": ["aws.kms"]}) for n in range(many)]
    filters = [aws.metric_filter("{ $.eventSource = kms.amazonaws.com }", f"filter-{n}") for n in range(many)]
    store, _ = kms(
        rules=rules,
        targets={f"rule-{n}": [aws.TOPIC] for n in range(many)},
        filters=filters,
        alarms=[aws.alarm(f"filter-{n}") for n in range(many)],
    )
    assert len(store.alerted_events) == 4
    assert gone_through["exchanges"] < 20 * many
    assert gone_through["alarms"] < 20 * many


def test_an_alarm_without_an_action_may_be_part_of_one_with():
    made = list(aws.alert_exchanges(filters=[COUNTED], alarms=[aws.alarm(AlarmActions=[])]))
    composite = {"AlarmRule": "ALARM(KeyChanges)", "ActionsEnabled": True, "AlarmActions": [aws.TOPIC]}
    made[-1][2]["CompositeAlarms"].append(composite)
    exchanges = [
        ("", "kms:ListKeys", {"Keys": [], "Truncated": False}),
        ("", "kms:DescribeCustomKeyStores", {"CustomKeyStores": [], "Truncated": False}),
        *made,
    ]
    rows = aws.RECORDINGS.rows(aws.header("kms"), aws.recorded("kms", exchanges))
    (store,) = table(rows, "key_store").values()
    assert store.alerted_events is None


def test_a_log_group_elsewhere_is_not_read():
    far = f"arn:aws:logs:eu-central-1:{aws.ACCOUNT}:log-group:trail:*"
    trails = [{"TrailARN": aws.FAR_TRAIL, "CloudWatchLogsLogGroupArn": far}]
    assert kms(trails=trails)[0].alerted_events is None
    store, _ = kms(trails=trails, rules=[ALL], targets={"all": [aws.TOPIC]})
    assert len(store.alerted_events) == 4, "the rules alone alert to everything"


@pytest.mark.parametrize("operation", sorted({operation for _, operation, *_ in aws.ALERT_EXCHANGES}))
def test_what_is_refused_is_no_missing_alert(operation):
    made = [aws.RECORDINGS.refused(o) if o.operation == operation else o for o in aws.recorded("kms")]
    rows = aws.RECORDINGS.rows(aws.header("kms"), made)
    store = table(rows, "key_store")[f"arn:aws:kms:{aws.REGION}:{aws.ACCOUNT}"]
    assert store.alerted_events is None
    (gap,) = (g for g in table(rows, "gap").values() if g.subject == store.id and "alerted_events" in g.columns)
    assert (gap.operation, gap.kind) == (operation, GapKind.REFUSED)


def test_where_kms_itself_answered_nothing_there_is_no_store():
    made = [o for o in aws.recorded("kms") if o.subject == ""]
    made = [aws.RECORDINGS.refused(o) if o.operation.startswith("kms:") else o for o in made]
    rows = aws.RECORDINGS.rows(aws.header("kms"), made)
    assert table(rows, "key_store") == {}
    missed = {(gap.of_table, gap.kind) for gap in table(rows, "gap").values() if gap.rows_missing}
    assert ("key_store", GapKind.REFUSED) in missed


def test_alerts_that_nobody_asked_for_leave_the_scope_complete():
    exchanges = [
        ("", "kms:ListKeys", {"Keys": [], "Truncated": False}),
        ("", "kms:DescribeCustomKeyStores", {"CustomKeyStores": [], "Truncated": False}),
    ]
    rows = aws.RECORDINGS.rows(aws.header("kms"), aws.recorded("kms", exchanges))
    (store,) = table(rows, "key_store").values()
    (gap,) = (g for g in table(rows, "gap").values() if "alerted_events" in g.columns)
    assert store.alerted_events is None
    assert (gap.kind, gap.error) == (
        GapKind.NOT_OFFERED,
        "this run did not ask which events somebody is alerted to",
    )
    (scope,) = table(rows, "scope").values()
    assert scope.complete is True
