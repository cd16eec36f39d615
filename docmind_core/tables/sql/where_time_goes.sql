-- One row per run and part of a query's wall time: where it goes, so that the parts add up to the wall. Only what was
-- measured has a name; the remainder is `not_attributed`. An instant with several parts at once, as in parallel branches,
-- belongs to the first of them in the order of `places`. The waits for first tokens are split in proportion to the time
-- that the engine counted for the same calls: `engine_queue` and `prefill`; `first_token` is what is left of them.
with places as (
    select
        unnest(['decode', 'first_token', 'model_call', 'tool', 'retrieval', 'queue', 'backoff', 'not_attributed',
            'engine_queue', 'prefill']) as part,
        unnest(range(1, 11)) as place
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
),
-- NULL where a reading lacks the counter, or where one of the two readings is missing.
readings as (
    select
        run_id,
        engine_session,
        block,
        count(*) filter (where counter = 'request_queue_time_seconds_sum') > 0 as has_queue,
        count(*) filter (where counter = 'request_prefill_time_seconds_sum') > 0 as has_prefill,
        max(value) filter (where counter = 'request_queue_time_seconds_sum' and moment = 'after')
            - max(value) filter (where counter = 'request_queue_time_seconds_sum' and moment = 'before') as queue_s,
        max(value) filter (where counter = 'request_prefill_time_seconds_sum' and moment = 'after')
            - max(value) filter (where counter = 'request_prefill_time_seconds_sum' and moment = 'before') as prefill_s,
        max(value) filter (where counter = 'request_success' and moment = 'after')
            - max(value) filter (where counter = 'request_success' and moment = 'before') as requests
    from engine_counters
    where block is distinct from 0  -- warm-up
    group by all
),
engine as (
    select
        run_id,
        bool_and(has_queue) as has_queue,
        bool_and(has_prefill) as has_prefill,
        case when count(*) = count(queue_s) then sum(queue_s) end as queue_s,
        case when count(*) = count(prefill_s) then sum(prefill_s) end as prefill_s,
        case when count(*) = count(requests) then sum(requests) end as requests
    from readings
    group by all
),
ledger as (
    select run_id, bool_or(state = 'not_exclusive') as is_shared, bool_and(state = 'balanced') as is_balanced
    from ledger_balance
    group by all
),
calls as (
    select
        run_id,
        count(*) filter (where status = 'finished') as finished,
        count(ttft_s) filter (where status = 'finished') as timed,
        sum(ttft_s) filter (where status = 'finished') as ttft_s,
        mode(times_missing_because) as because
    from llm_calls
    where phase is distinct from 'warmup' and not coalesce(served_from_cache, false)
    group by all
),
split as (
    select
        *,
        unnest(['engine_queue', 'prefill']) as part,
        unnest([has_queue, has_prefill]) as is_offered,
        unnest([queue_s, prefill_s]) as engine_s
    from calls
    left join engine using (run_id)
    left join ledger using (run_id)
),
-- The engine counts a request when it finishes, so the sums are those of our calls only if it counted exactly these.
of_engine as (
    select
        run_id,
        part,
        engine_s / nullif(ttft_s, 0) as ratio,
        case
            when not coalesce(is_offered, false) then 'not_supported'
            when is_shared then 'not_exclusive'
            when engine_s is null or not coalesce(is_balanced, false) then 'unreconciled'
            when timed < finished or finished = 0 then coalesce(because, 'not_streamed')
            when requests is distinct from finished then 'unreconciled'
            when least(queue_s, prefill_s) < 0 or coalesce(queue_s, 0) + coalesce(prefill_s, 0) > ttft_s
                then 'implausible'
        end as because
    from split
),
seconds_of as (
    select run_id, part, seconds - case when part = 'first_token' then coalesce(seconds * taken, 0) else 0 end as seconds
    from sums
    join places using (place)
    left join (select run_id, sum(ratio) as taken from of_engine where because is null group by all) using (run_id)
    union all by name
    select run_id, of_engine.part, seconds * ratio as seconds
    from sums
    join places on places.place = sums.place and places.part = 'first_token'
    join of_engine using (run_id)
    where because is null
)
select
    runs.run_id,
    runs.benchmark_run,
    runs.arm,
    places.part,
    case when totals.n_queries > 0 and of_engine.because is null
        then coalesce(seconds_of.seconds, 0) / totals.n_queries end                         as seconds_per_query,
    case when of_engine.because is null
        then coalesce(seconds_of.seconds, 0) / nullif(totals.wall_s, 0) end                 as share_ratio,
    coalesce(totals.n_queries, 0)                                                           as n_queries,
    case when totals.n_queries is null then coalesce(reasons.because, 'failed_run')
        else of_engine.because end                                                          as missing_because
from runs
cross join places
left join totals on totals.run_id = runs.run_id
left join seconds_of on seconds_of.run_id = runs.run_id and seconds_of.part = places.part
left join of_engine on of_engine.run_id = runs.run_id and of_engine.part = places.part
left join reasons on reasons.run_id = runs.run_id
