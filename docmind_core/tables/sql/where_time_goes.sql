-- One row per run and part of a query's wall time: where it goes, so that the parts add up to the wall. Only what was
-- measured has a name; the remainder is `not_attributed`. An instant with several parts at once, as in parallel branches,
-- belongs to the first of them in the order of `places`.
with places as (
    select unnest(['decode', 'first_token', 'model_call', 'tool', 'retrieval', 'queue', 'backoff', 'not_attributed']) as part,
        generate_subscripts(['decode', 'first_token', 'model_call', 'tool', 'retrieval', 'queue', 'backoff', 'not_attributed'], 1)
            as place
),
roots as (
    select s.run_id, s.query_id, s.replicate, s.t0 as begins, s.t1 as ends
    from spans as s
    join query_runs as q using (run_id, query_id, replicate)
    where s.op = 'invoke_workflow' and q.phase is distinct from 'warmup' and q.times_missing_because is null
),
first_tokens as (
    select run_id, query_id, replicate, span_id, (min(ttft_s) * 1e9)::bigint as ttft_ns
    from llm_calls
    where span_id is not null
    group by all
),
chats as (
    select s.run_id, s.query_id, s.replicate, s.t0, s.t1, case when f.ttft_ns is not null then least(s.t0 + f.ttft_ns, s.t1) end as first_at
    from spans as s
    left join first_tokens as f using (run_id, query_id, replicate, span_id)
    where s.op in ('chat', 'text_completion', 'generate_content')
),
parts as (
    select run_id, query_id, replicate, 'first_token' as part, t0, first_at as t1 from chats where first_at is not null
    union all by name
    select run_id, query_id, replicate, 'decode' as part, first_at as t0, t1 from chats where first_at is not null
    union all by name
    select run_id, query_id, replicate, 'model_call' as part, t0, t1 from chats where first_at is null
    union all by name
    select run_id, query_id, replicate, if(op = 'execute_tool', 'tool', if(op = 'embeddings', 'retrieval', op)) as part, t0, t1
    from spans
    where op in ('execute_tool', 'embeddings', 'retrieval', 'queue', 'backoff')
),
intervals as (
    select r.run_id, r.query_id, r.replicate, places.place, greatest(p.t0, r.begins) as t0, least(p.t1, r.ends) as t1
    from roots as r
    join parts as p using (run_id, query_id, replicate)
    join places using (part)
    where least(p.t1, r.ends) > greatest(p.t0, r.begins)
    union all by name
    select run_id, query_id, replicate, place, begins as t0, ends as t1
    from roots
    join places on part = 'not_attributed'
    where ends > begins
),
edges as (
    select run_id, query_id, replicate, t0 as since_ns from intervals
    union
    select run_id, query_id, replicate, t1 as since_ns from intervals
),
pieces as (
    select *, lead(since_ns) over (partition by run_id, query_id, replicate order by since_ns) as until_ns
    from edges
),
assigned as (
    select p.run_id, p.query_id, p.replicate, p.since_ns, p.until_ns, min(i.place) as place
    from pieces as p
    join intervals as i
        on (i.run_id, i.query_id, i.replicate) = (p.run_id, p.query_id, p.replicate) and i.t0 <= p.since_ns and i.t1 >= p.until_ns
    group by all
),
sums as (
    select run_id, place, sum(until_ns - since_ns) / 1e9 as seconds from assigned group by all
),
totals as (
    select run_id, count(*) as n_queries, sum(ends - begins) / 1e9 as wall_s from roots group by all
),
reasons as (
    select run_id, mode(times_missing_because) as because
    from query_runs
    where phase is distinct from 'warmup'
    group by all
)
select
    runs.run_id,
    runs.benchmark_run,
    runs.arm,
    places.part,
    case when totals.n_queries > 0 then coalesce(sums.seconds, 0) / totals.n_queries end    as seconds_per_query,
    coalesce(sums.seconds, 0) / nullif(totals.wall_s, 0)                                    as share_ratio,
    coalesce(totals.n_queries, 0)                                                           as n_queries,
    case when totals.n_queries is null then coalesce(reasons.because, 'failed_run') end     as missing_because
from runs
cross join places
left join totals on totals.run_id = runs.run_id
left join sums on sums.run_id = runs.run_id and sums.place = places.place
left join reasons on reasons.run_id = runs.run_id
