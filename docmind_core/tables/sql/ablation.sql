-- One row per lever, edge and metric of the latest benchmark run that had arms with levers: what each was claimed
-- to move, and what it moved. The edges of the guide's chart come first.
select
    r.suite, r.model, r.started_at, e.lever, e.edge, e.expected, e.metric, e.effect, e.effect_low, e.effect_high, e.n, e.verdict,
    e.because
from lever_effects as e
left join runs as r using (run_id)
-- A key that begins in the future was made while the clock was ahead: it counts only where there is no other.
where e.benchmark_run = (
    select coalesce(
        max(benchmark_run) filter (
            where benchmark_run <= strftime(now() at time zone 'UTC', '%Y%m%dT%H%M%SZ~')
        ),
        max(benchmark_run)
    )
    from lever_effects
)
order by e.edge = 'none', e.edge, e.lever, e.metric
