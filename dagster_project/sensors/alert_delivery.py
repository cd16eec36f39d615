"""Sends what is due: a thin sensor that reads, and a job that delivers."""

import dagster as dg

from dagster_project.resources import StoreResource
from docmind_core.alerts.delivery import deliver_notice
from docmind_core.alerts.notices import undelivered
from docmind_core.alerts.silences import announce_ended_silences

INTERVAL_S = 60
RETRIES = dg.RetryPolicy(max_retries=3, delay=20, backoff=dg.Backoff.EXPONENTIAL)


class DueNotification(dg.Config):
    """One message of a benchmark run."""

    benchmark_run: str
    seq: int


@dg.op(retry_policy=RETRIES)
def deliver(context: dg.OpExecutionContext, config: DueNotification, store: StoreResource) -> None:
    """Send one message to every channel that has not taken it."""
    outcome = deliver_notice(store.settings(), config.benchmark_run, config.seq)
    context.log.info("delivered to: %s", ", ".join(outcome.delivered) or "no new channel")
    if outcome.failed:
        raise dg.Failure(
            description=f"not delivered to {'; '.join(outcome.failed)}",
            allow_retries=len(outcome.given_up) < len(outcome.failed),
        )


@dg.job(executor_def=dg.in_process_executor)
def deliver_alerts() -> None:
    """Delivers one message of a benchmark run; a channel that has taken it is left alone."""
    deliver()


@dg.sensor(
    job_name="deliver_alerts", minimum_interval_seconds=INTERVAL_S, default_status=dg.DefaultSensorStatus.RUNNING
)
def alert_delivery(context: dg.SensorEvaluationContext, store: StoreResource) -> dg.SensorResult:
    """Launches delivery of every message that a channel has not received; each key once."""
    settings = store.settings()
    announce_ended_silences(settings)
    requests = [
        dg.RunRequest(
            run_key=notice.key,
            run_config=dg.RunConfig(
                ops={"deliver": DueNotification(benchmark_run=notice.benchmark_run, seq=notice.seq)}
            ),
            tags={"docmind/benchmark_run": notice.benchmark_run},
        )
        for notice in undelivered(settings)
    ]
    return dg.SensorResult(run_requests=requests)
