"""What is wrong now, and whether the alerting itself is alive: the last word of both reports."""

import json
from dataclasses import dataclass
from datetime import datetime

from docmind_core.metrics.signs import signed
from docmind_core.reports.cells import Cell, Table, figure, table_row
from docmind_core.reports.document import Section, Text
from docmind_core.reports.number_text import moment_text
from docmind_core.settings import Settings
from docmind_core.tables.reading import query_records

_OPEN = """
select fingerprint, rule_id, severity, labels, state, first_seen, age_h, value
from open_alerts
where $suite is null or json_extract_string(labels, '$.suite') = $suite
"""
_HEALTH = """
select subject, name, last_evaluated_at, last_delivered_at, waiting, stale, because
from alerting_health
where $suite is null or subject = 'channel' or name = $suite
"""
FINGERPRINT_SHOWN = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAlert:
    """A row of `open_alerts`, as far as a report shows it."""

    fingerprint: str
    rule_id: str
    severity: str
    labels: str
    state: str
    first_seen: datetime
    age_h: float
    value: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """A row of `alerting_health`."""

    subject: str
    name: str
    last_evaluated_at: datetime | None
    last_delivered_at: datetime | None
    waiting: int | None
    stale: bool
    because: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertSection:
    """Both, as of the last publish of the database."""

    alerts: tuple[OpenAlert, ...]
    heartbeats: tuple[Heartbeat, ...]

    @property
    def line(self) -> str:
        """Say in one line what is open."""
        firing = sum(alert.state == "firing" for alert in self.alerts)
        if not self.alerts:
            return "No open alerts." if self.heartbeats else "No rules have been evaluated yet."
        return f"{firing} firing, {len(self.alerts) - firing} pending."


def read_alert_section(settings: Settings, suite: str | None = None) -> AlertSection:
    """Read the open alerts and the heartbeat, of one suite or of all.

    Raises:
        StoreError: If there is no database yet.
    """
    parameters = {"suite": suite}
    return AlertSection(
        alerts=query_records(settings, OpenAlert, _OPEN, parameters),
        heartbeats=query_records(settings, Heartbeat, _HEALTH, parameters),
    )


def alert_part(alerts: AlertSection) -> Section:
    """Return what a report shows of it."""
    tables = [table for table in (alerts_table(alerts), heartbeat_table(alerts)) if table.rows]
    return Section(key="alerts", title="Alerts", blocks=(Text(lines=(alerts.line,)), *tables))


def alerts_table(section: AlertSection) -> Table:
    """One row per open alert."""
    return Table(
        caption="Open alerts when the database was last published; for current ones, run docmind alerts list",
        columns=("rule", "state", "series", "since", "age", "value", "history"),
        rows=tuple(table_row(alert.rule_id, _alert_cells(alert)) for alert in section.alerts),
    )


def heartbeat_table(section: AlertSection) -> Table:
    """One row per suite and channel."""
    return Table(
        caption="Alerting health: last evaluation of each suite, last delivery to each channel",
        columns=("", "name", "last", "waiting", "state"),
        rows=tuple(
            table_row(
                one.subject,
                [
                    one.name,
                    moment_text(last) if (last := one.last_evaluated_at or one.last_delivered_at) else "never",
                    "–" if one.waiting is None else f"{one.waiting:,}",
                    Cell(words="stale" if one.stale else "alive", remark=one.because or ""),
                ],
            )
            for one in section.heartbeats
        ),
    )


def alert_rows(section: AlertSection) -> list[dict[str, object]]:
    """Return the open alerts as plain values, for programs."""
    return [
        {
            "fingerprint": alert.fingerprint,
            "rule_id": alert.rule_id,
            "severity": alert.severity,
            "labels": json.loads(alert.labels),
            "state": alert.state,
            "first_seen": alert.first_seen.isoformat().replace("+00:00", "Z"),
            "value": alert.value,
        }
        for alert in section.alerts
    ]


def _alert_cells(alert: OpenAlert) -> list[str | Cell]:
    labels = json.loads(alert.labels)
    return [
        Cell(words=alert.state, remark=alert.severity),
        ", ".join(f"{name} {value}" for name, value in labels.items()),
        moment_text(alert.first_seen),
        f"{alert.age_h:,.1f} h",
        "–" if alert.value is None else figure(alert.value, "count", words=signed(alert.value, ".4g")),
        f"docmind alerts show {alert.fingerprint[:FINGERPRINT_SHOWN]}",
    ]
