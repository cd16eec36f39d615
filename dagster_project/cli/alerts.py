"""`docmind alerts`: what is wrong now, how it came about, and whether a message would arrive."""

import click

from dagster_project.cli.terminal_text import json_option, print_rows, say


@click.group()
def alerts() -> None:
    """Show, silence and close alerts, and test their channels.

    \b
    Examples:
      docmind alerts list
      docmind alerts show 3f2a
      docmind alerts close 3f2a --reason "limit changed"
      docmind alerts test ops
    """


@alerts.command("list", short_help="List open alerts, and the health of alerting itself.")
@json_option
def list_alerts(as_json: bool) -> None:
    """List pending and firing alerts, and when each suite and channel was last active.

    \b
    Example:
      docmind alerts list
    """
    from dagster_project.cli.alert_lists import print_alerts, print_open_alerts_as_json
    from docmind_core.settings import load_settings

    (print_open_alerts_as_json if as_json else print_alerts)(load_settings())


@alerts.command(short_help="Mute the messages of alerts until a given time.")
@click.argument("matchers", metavar="NAME=PATTERN...", nargs=-1)
@click.option(
    "--until", metavar="WHEN", help="End of the silence: a UTC time (2026-11-22T08:00) or a duration (90m, 8h, 3d)."
)
@click.option("--author", help="Your name.")
@click.option("--reason", help="Why.")
@click.option("--revoke", type=int, metavar="ID", help="End a silence before its time.")
def silence(
    matchers: tuple[str, ...], until: str | None, author: str | None, reason: str | None, revoke: int | None
) -> None:
    """Mute the messages of matching alerts until a given time. They are still evaluated and listed.

    NAME is rule_id, severity, suite, arm or agent; PATTERN may contain * and ?. All must match.
    Alerts that still fire when the silence ends are sent then.

    \b
    Examples:
      docmind alerts silence rule_id=agent_latency_high suite=nightly --until 8h --author ann --reason "new card"
      docmind alerts silence --revoke 1
    """
    from dagster_project.cli.alert_lists import read_matcher, read_until
    from docmind_core.alerts.silences import add_silence, revoke_silence
    from docmind_core.settings import load_settings

    settings = load_settings()
    if revoke is not None:
        revoke_silence(settings, revoke)
        say(f"silence {revoke} ended")
        return
    if until is None or author is None or reason is None:
        raise click.UsageError("a silence needs --until, --author and --reason.")
    end = read_until(until)
    number = add_silence(settings, read_matcher(matchers), until=end, author=author, reason=reason)
    say(
        f"silence {number} lasts until {end:%Y-%m-%d %H:%M} UTC; end it early: docmind alerts silence --revoke {number}"
    )


_EVENT = ("changed_at", "from_state", "to_state", "benchmark_run", "value", "peak")
_VALUES = ("value", "value_low", "value_high", "n", "threshold", "reason")
_EVALUATION = ("evaluated_at", "benchmark_run", "outcome", *_VALUES)
_DELIVERY = ("attempted_at", "benchmark_run", "seq", "channel", "status", "error")


def _print_objects(objects: list[dict[str, object]]) -> None:
    """Print objects whose keys differ; a key that one lacks is null."""
    keys = list(dict.fromkeys(name for one in objects for name in one))
    print_rows(keys, [[one.get(name) for name in keys] for one in objects], as_json=True)


@alerts.command()
@click.argument("alert_id", metavar="ID")
@json_option
def show(alert_id: str, as_json: bool) -> None:
    """Show the history of an alert, newest first.

    ID is the id from `docmind alerts list`; its first characters are enough.

    \b
    Examples:
      docmind alerts show 3f2a
      docmind alerts show 3f2a --json
    """
    from dagster_project.cli.terminal_text import print_table
    from docmind_core.alerts.listing import alert_history
    from docmind_core.settings import load_settings

    history = alert_history(load_settings(), alert_id)
    if as_json:
        kinds = {"event": history.events, "evaluation": history.evaluations, "delivery": history.deliveries}
        _print_objects([{"kind": kind, **dict(row)} for kind, found in kinds.items() for row in found])
        return
    first = history.evaluations[0]
    say(f"{first['rule_id']} {first['labels']} ({first['severity']})")
    shown = {
        "Events": (history.events, _EVENT),
        "Evaluations": (history.evaluations, _EVALUATION),
        "Deliveries": (history.deliveries, _DELIVERY),
    }
    for title, (rows, names) in shown.items():
        say(f"\n{title}")
        if rows:
            print_table(names, [[row[name] for name in names] for row in rows])
        else:
            say("none")


@alerts.command()
@click.argument("alert_id", metavar="ID")
@click.option("--reason", required=True, help="Reason; it is stored with the alert and sent to its channels.")
def close(alert_id: str, reason: str) -> None:
    """Close an open alert manually.

    ID is the id from `docmind alerts list`; its first characters are enough. If the problem persists, a new alert is
    raised.

    \b
    Example:
      docmind alerts close 3f2a --reason "limit changed to 3 s"
    """
    from docmind_core.alerts.ending import close_alert
    from docmind_core.settings import load_settings

    say(f"closed {close_alert(load_settings(), alert_id, reason)}")


@alerts.command()
@click.argument("channel")
def test(channel: str) -> None:
    """Send a test message to CHANNEL and record its delivery.

    The channel's URL comes from the environment: DOCMIND_CHANNEL_OPS for the channel `ops`. Any URL that Apprise
    supports works. A suite lists the channels its alerts are sent to.

    \b
    Example:
      docmind alerts test ops
    """
    from docmind_core.alerts.delivery import send_test
    from docmind_core.settings import load_settings

    send_test(load_settings(), channel)
    say(f"sent a test message to channel {channel}")
