-- The queries that run `b` passes more or less often than run `a`, the most broken first: what `docmind compare` counts as
-- flipped. A query counts only where the passing of each of its replicates is known in both runs.
with sides as (
    select
        q.run_id, q.query_id, any_value(q.query_type) as query_type, any_value(q.query) as query,
        list(q.answer order by q.replicate) as answers,
        case when count(m.value) = count(*) then avg(m.value) end as passed
    from query_runs as q
    left join measurements as m
        on (m.run_id, m.query_id, m.replicate) = (q.run_id, q.query_id, q.replicate) and m.metric = 'passed' and m.draw = 0
        and m.run_id in (a, b) -- what is not read for it costs nothing, however long the history is
    where q.run_id in (a, b) and q.phase is distinct from 'warmup'
    group by q.run_id, q.query_id
)
select
    theirs.query_id,
    ours.query_type,
    ours.query,
    if(ours.passed < theirs.passed, 'broke', 'fixed')   as change,
    theirs.passed                                       as passed_a,
    ours.passed                                         as passed_b,
    theirs.answers                                      as answers_a,
    ours.answers                                        as answers_b
from sides as theirs
join sides as ours on ours.query_id = theirs.query_id
where theirs.run_id = a and ours.run_id = b and ours.passed <> theirs.passed
    and store.known_runs([a, b])
order by ours.passed - theirs.passed, theirs.query_id
