-- One row per query of a run: how often its replicates pass, and how often two of them disagree. A query counts only where
-- the passing of each replicate is known.
select
    runs.run_id,
    runs.benchmark_run,
    runs.arm,
    q.query_id,
    count(*)                                                            as replicates,
    count(m.value)                                                      as n_known,
    sum(m.value)::integer                                               as passed,
    count(distinct q.answer) + max((q.answer is null)::integer)         as answers,
    case when count(m.value) = count(*) and count(*) > 1
        then 2 * sum(m.value) * (count(*) - sum(m.value)) / (count(*) * (count(*) - 1)) end as pass_flip_ratio,
    case
        when count(m.value) < count(*) then coalesce(mode(m.missing_because), 'not_scored')
        when count(*) = 1 then 'n_too_small'
    end                                                                 as missing_because
from query_runs as q
join runs using (run_id)
left join measurements as m
    on (m.run_id, m.query_id, m.replicate) = (q.run_id, q.query_id, q.replicate) and m.metric = 'passed' and m.draw = 0
where q.phase is distinct from 'warmup'
group by runs.run_id, runs.benchmark_run, runs.arm, q.query_id
