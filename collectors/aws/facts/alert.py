"""What happens to keys and secrets that somebody is told of, by rules of EventBridge or by alarms on a trail's log."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from collectors.aws.alert_patterns import (
    Decided,
    Event,
    events_of,
    every,
    filter_matches,
    filter_may_match,
    local_log_group,
    rule_enabled,
    rule_matches,
    rule_may_match,
    selected,
    some,
)
from collectors.aws.facts.scope import Setting
from collectors.aws.resource_answers import (
    Alarms,
    EventSelector,
    EventSelectors,
    MetricAlarm,
    MetricFilter,
    MetricFilters,
    Rules,
    RuleTargets,
    Trails,
    TrailStatus,
)
from collectors.aws.resource_operations import ALERTS_NOT_ASKED
from collectors.scope_rows import expect, listed
from evidence.model import AlertedEvent
from evidence.observation import Observation
from evidence.reading import AnswerT, Reading

TRAILS = "cloudtrail:DescribeTrails"
LOGGING = "cloudtrail:GetTrailStatus"
SELECTORS = "cloudtrail:GetEventSelectors"
RULES = "events:ListRules"
TARGETS = "events:ListTargetsByRule"
FILTERS = "logs:DescribeMetricFilters"
ALARMS = "cloudwatch:DescribeAlarms"


_OPERATIONS = (TRAILS, LOGGING, SELECTORS, RULES, TARGETS, FILTERS, ALARMS)


def alerts_not_offered(reading: Reading) -> Mapping[str, str]:
    """Why the fact is unknown, beyond what failed: the configuration, or an older keyproof, asks nothing about it."""
    return {} if _asked(reading) else ALERTS_NOT_ASKED


def _asked(reading: Reading) -> bool:
    return any(observation.operation in _OPERATIONS for observation in reading.observations)


@dataclass(frozen=True, slots=True)
class _Logged:
    """A trail, as far as is known what it logs."""

    group: str
    """The log group that gets it; empty for one of another account or region."""
    logging: Decided
    selectors: EventSelectors | None
    """None where they are not known."""
    everything: bool
    """It logs every call that changes something."""
    delivers: bool
    """A log group gets what it logs."""

    def tells(self, event: Event) -> Decided:
        """It logs every such event."""
        return every([self.logging, True if self.everything else self._selects(event)])

    def _selects(self, event: Event) -> Decided:
        if self.selectors is None:
            return None
        basic, advanced = self.selectors.EventSelectors or (), self.selectors.AdvancedEventSelectors or ()
        return some(
            [
                *(_selects(selector, event) for selector in basic),
                *(every(selected(f.Field, f.operators, event) for f in one.FieldSelectors) for one in advanced),
            ]
        )


def _selects(selector: EventSelector, event: Event) -> bool:
    return (
        selector.IncludeManagementEvents
        and selector.ReadWriteType in ("All", "WriteOnly")
        and event.record["eventSource"] not in selector.ExcludeManagementEventSources
    )


@dataclass(frozen=True, slots=True)
class _Sent:
    """One way by which an event may reach somebody."""

    matches: Callable[[Event], Decided]
    reaches: Decided
    """What it lets through gets to a recipient."""
    logged: Sequence[_Logged]
    """The trails of which it hears."""

    def alerts(self, event: Event) -> Decided:
        """Somebody hears of the event by it."""
        return every([some(trail.tells(event) for trail in self.logged), self.matches(event), self.reaches])


def alerted_events(setting: Setting, reading: Reading) -> list[AlertedEvent] | None:
    """What alerts watch for, sorted; None where that is not known of one of the events.

    Without a trail that logs, calls reach neither EventBridge nor a log group. A rule counts that is enabled, matches
    every such event and has a target; but one that sends them to another event bus leaves it to the rules there. A
    metric filter counts whose metric an alarm with an action watches. Failures are remembered in `reading`.

    Source: Amazon EventBridge User Guide, AWS service events delivered by CloudTrail.
    """
    header = setting.header
    events = events_of(header.service, header.account, header.region)
    if not _asked(reading):
        return None
    expect(reading, TRAILS)
    trails = reading.answer(TRAILS, Trails)
    if trails is None:
        return None
    if not trails.trailList:
        return []
    logged = list(_trails(setting, reading, trails))
    sent = [*_rules(reading, events.values(), logged), *_filters(reading, events.values(), logged)]
    if RULES in reading.failures:
        sent.append(_Sent(_undecided, True, logged))
    decided = {what: some(way.alerts(event) for way in sent) for what, event in events.items()}
    return None if None in decided.values() else sorted(what for what, alerted in decided.items() if alerted)


def _trails(setting: Setting, reading: Reading, trails: Trails) -> Iterator[_Logged]:
    logging, selectors = _parts(reading, LOGGING, "Name"), _parts(reading, SELECTORS, "TrailName")
    for arn, trail in {trail.TrailARN: trail for trail in trails.trailList}.items():
        status = _told(reading, logging(arn), LOGGING, TrailStatus)
        everything = trail.HasCustomEventSelectors is False
        yield _Logged(
            group=local_log_group(trail.CloudWatchLogsLogGroupArn, setting.header.account, setting.header.region),
            logging=status.IsLogging if status else None,
            selectors=None if everything else _told(reading, selectors(arn), SELECTORS, EventSelectors),
            everything=everything,
            delivers=bool(trail.CloudWatchLogsLogGroupArn),
        )


def _told(reading: Reading, own: Reading, operation: str, model: type[AnswerT]) -> AnswerT | None:
    """The answer of an operation, in the part of the reading that is about one thing."""
    expect(own, operation)
    answer = own.answer(operation, model)
    reading.failures.update({**own.failures, **reading.failures})
    return answer


def _parts(reading: Reading, operation: str, parameter: str) -> Callable[[str], Reading]:
    """By the value of a parameter: the exchanges of an operation that were asked with it."""
    asked: dict[object, list[Observation]] = {}
    for observation in reading.of(operation):
        asked.setdefault(str(observation.parameters.get(parameter)), []).append(observation)
    return lambda value: Reading(reading.subject, asked.get(value, []))


def _undecided(event: Event) -> None:
    """Nobody can tell what is let through."""


def _rules(reading: Reading, events: Iterable[Event], logged: Sequence[_Logged]) -> list[_Sent]:
    """What each rule of an owner of the account matches, and whether that gets to a target."""
    rules = {
        rule.Name: rule for _, page in listed(reading, RULES, Rules, lambda page: page.more) for rule in page.Rules
    }
    found: list[_Sent] = []
    targets = _parts(reading, TARGETS, "Rule")
    for rule in rules.values():
        pattern = rule.EventPattern
        if pattern is not None and not rule.ManagedBy and rule_may_match(rule.State, pattern, events):
            reaches = every([rule_enabled(rule.State), _targeted(reading, targets(rule.Name))])
            found.append(_Sent(partial(rule_matches, pattern), reaches, logged))
    return found


def _targeted(reading: Reading, own: Reading) -> Decided:
    targets = [
        target.Arn for _, page in listed(own, TARGETS, RuleTargets, lambda page: page.more) for target in page.Targets
    ]
    reading.failures.update({**own.failures, **reading.failures})
    told: list[Decided] = [None if ":event-bus/" in arn else True for arn in targets]
    return some([*told, *([None] if own.failures else [])])


def _filters(reading: Reading, events: Iterable[Event], logged: Iterable[_Logged]) -> list[_Sent]:
    """What metric filters let through to alarms, of the log groups that trails of this account and region have."""
    groups: dict[str, list[_Logged]] = {}
    for trail in (trail for trail in logged if trail.delivers):
        groups.setdefault(trail.group, []).append(trail)
    sent: list[_Sent] = []
    filters: list[tuple[MetricFilter, list[_Logged]]] = []
    of_groups = _parts(reading, FILTERS, "logGroupName")
    for group, trails in groups.items():
        own = of_groups(group)
        if group:
            pages = listed(own, FILTERS, MetricFilters, lambda page: page.more)
            filters.extend((one, trails) for _, page in pages for one in page.metricFilters)
            reading.failures.update({**own.failures, **reading.failures})
        if own.failures or not group:
            sent.append(_Sent(_undecided, True, trails))
    if any(filter_may_match(one.filterPattern, events) for one, _ in filters):
        alarms = _Alarms(reading)
        for one, trails in filters:
            watched = some(alarms.watch(m.metricNamespace, m.metricName) for m in one.metricTransformations)
            sent.append(_Sent(partial(_let_through, one), watched, trails))
    return sent


def _let_through(one: MetricFilter, event: Event) -> Decided:
    """A filter with criteria of its own lets through those events only that they admit."""
    return every([filter_matches(one.filterPattern, event), None if one.fieldSelectionCriteria else True])


class _Alarms:
    """The alarms of an account and region that do something when they go off."""

    def __init__(self, reading: Reading) -> None:
        pages = [page for _, page in listed(reading, ALARMS, Alarms, lambda page: page.more)]
        self._complete = ALARMS not in reading.failures
        composite = [alarm for page in pages for alarm in page.CompositeAlarms]
        rules = [alarm.AlarmRule for alarm in composite if alarm.ActionsEnabled and alarm.AlarmActions]
        self._rules = "\n".join(rules)
        self._watched: dict[tuple[str | None, str | None], list[Decided]] = {}
        for alarm in (alarm for page in pages for alarm in page.MetricAlarms):
            for metric, goes_off in self._goes_off(alarm).items():
                self._watched.setdefault(metric, []).append(goes_off)

    def watch(self, namespace: str, metric: str) -> Decided:
        """One of them watches the metric; what alarms compute of metrics, or of each other, is not decided here."""
        return some([*self._watched.get((namespace, metric), ()), *([] if self._complete else [None])])

    def _goes_off(self, alarm: MetricAlarm) -> dict[tuple[str | None, str | None], Decided]:
        """By each metric that it looks at: whether it does something about it."""
        acts = alarm.ActionsEnabled and bool(alarm.AlarmActions)
        within = None if acts else self._within(alarm)
        statistics = (query.MetricStat.Metric for query in alarm.Metrics if query.MetricStat)
        computed = {(one.Namespace, one.MetricName): within for one in statistics}
        return computed | {(alarm.Namespace, alarm.MetricName): True if acts else within}

    def _within(self, alarm: MetricAlarm) -> Decided:
        """An alarm without an action may be part of one that has some."""
        return None if alarm.AlarmName in self._rules else False
