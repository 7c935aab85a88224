"""Answers of CloudTrail, EventBridge, CloudWatch Logs and CloudWatch about who is told of what happens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from keyproof.demo.aws.wire import AwsError, Request
from keyproof.demo.aws.world import Alerts, World


def get_trail_status(world: World, request: Request) -> Mapping[str, Any]:
    return {"IsLogging": request.parameters["Name"] not in world.stopped_trails}


def get_event_selectors(world: World, request: Request) -> Mapping[str, Any]:
    """Those of a trail without selectors of its own log every call that manages something."""
    arn = request.parameters["TrailName"]
    everything = {"EventSelectors": [{"ReadWriteType": "All", "IncludeManagementEvents": True}]}
    return {"TrailARN": arn, **world.event_selectors.get(arn, everything)}


def list_rules(world: World, request: Request) -> Mapping[str, Any]:
    rules = _alerts(world, request).rules
    page, token = world.page(request, rules, limit="Limit", marker="NextToken", default=100, most=100)
    return {"Rules": page, "NextToken": token or None}


def list_targets_by_rule(world: World, request: Request) -> Mapping[str, Any]:
    name, alerts = request.parameters["Rule"], _alerts(world, request)
    if name not in [rule["Name"] for rule in alerts.rules]:
        raise AwsError("ResourceNotFoundException", f"Rule {name} does not exist on EventBus default.")
    targets = alerts.targets.get(name, [])
    page, token = world.page(request, targets, limit="Limit", marker="NextToken", default=100, most=100)
    return {"Targets": page, "NextToken": token or None}


def describe_metric_filters(world: World, request: Request) -> Mapping[str, Any]:
    group = request.parameters.get("logGroupName")
    filters = [one for one in _alerts(world, request).filters if group in (None, one["logGroupName"])]
    page, token = world.page(request, filters, limit="limit", marker="nextToken", default=50, most=50)
    return {"metricFilters": page, "nextToken": token or None}


def describe_alarms(world: World, request: Request) -> Mapping[str, Any]:
    """Composite alarms are told of only where they are asked for."""
    kinds = request.parameters.get("AlarmTypes", ["MetricAlarm"])
    alerts = _alerts(world, request)
    listed = [("MetricAlarms", alarm) for alarm in alerts.metric_alarms if "MetricAlarm" in kinds]
    listed += [("CompositeAlarms", alarm) for alarm in alerts.composite_alarms if "CompositeAlarm" in kinds]
    page, token = world.page(request, listed, limit="MaxRecords", marker="NextToken", default=50, most=100)
    answer: dict[str, list[dict[str, Any]]] = {"MetricAlarms": [], "CompositeAlarms": []}
    for kind, alarm in page:
        answer[kind].append(alarm)
    return {**answer, "NextToken": token or None}


def _alerts(world: World, request: Request) -> Alerts:
    return world.alerts.get((request.account, request.region), Alerts())


OPERATIONS = {
    "cloudtrail:GetEventSelectors": get_event_selectors,
    "cloudtrail:GetTrailStatus": get_trail_status,
    "cloudwatch:DescribeAlarms": describe_alarms,
    "events:ListRules": list_rules,
    "events:ListTargetsByRule": list_targets_by_rule,
    "logs:DescribeMetricFilters": describe_metric_filters,
}
