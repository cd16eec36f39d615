-- One row per lever, edge and metric of the latest benchmark run that had arms with levers: what each was claimed
-- to move, and what it moved. The edges of the guide's chart come first.
select lever, edge, expected, metric, effect, effect_low, effect_high, n, verdict, because
from lever_effects
-- A key that begins in the future was made while the clock was ahead: it counts only where there is no other.
where benchmark_run = (
    select coalesce(
        max(benchmark_run) filter (
            where benchmark_run <= strftime(now() at time zone 'UTC', '%Y%m%dT%H%M%SZ~')
        ),
        max(benchmark_run)
    )
    from lever_effects
)
order by edge = 'none', edge, lever, metric
