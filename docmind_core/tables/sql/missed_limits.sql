-- One row per missed limit of a benchmark run: the value and its bound.
select
    runs.arm,
    limits.limit_name,
    limits.agent,
    limits.value,
    limits.bound
from limit_results as limits
join runs using (run_id)
where runs.benchmark_run = $benchmark_run and limits.state = 'missed'
order by runs.arm, limits.limit_name, limits.agent
