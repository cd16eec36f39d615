-- One row per arm of a benchmark run: how many queries it has against how many it had to answer, warm-up left out.
select
    runs.run_id,
    runs.arm,
    runs.expected_queries,
    count(query_runs.query_id)                                          as query_runs,
    count(query_runs.query_id) filter (where query_runs.status = 'failed') as failed
from runs
left join query_runs
    on query_runs.run_id = runs.run_id and query_runs.phase is distinct from 'warmup'
where runs.benchmark_run = $benchmark_run
group by runs.run_id, runs.arm, runs.expected_queries, runs.started_at
order by runs.started_at, runs.run_id
