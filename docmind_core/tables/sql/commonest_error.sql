-- The error that most queries of a benchmark run ended with, and how many were answered and failed.
-- Of an error's texts the most frequent one represents all.
with ended as (
    select query_runs.status, query_runs.error_type, query_runs.error_message
    from query_runs
    join runs using (run_id)
    where runs.benchmark_run = $benchmark_run and query_runs.phase is distinct from 'warmup'
)
select
    (select count(*) from ended where status = 'answered') as answered,
    (select count(*) from ended where status = 'failed')   as failed,
    error_type,
    mode(error_message)                                     as error_message,
    count(*)                                                as queries
from ended
where status = 'failed'
group by error_type
order by queries desc, error_type
limit 1
