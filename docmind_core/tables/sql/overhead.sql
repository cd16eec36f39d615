-- One row per query run: wall time, the union of its leaf work, and what is left of the wall (coordination).
-- The second variant takes the supervisor's model calls out of the work, so that they count as coordination.
-- The tie-breaker span_id in both windows is essential: without it the two may order equal intervals
-- differently and count an island twice.
with root as (
    select run_id, query_id, replicate, t0 as r0, t1 as r1 from spans where op = 'invoke_workflow'
),
leaf as (
    select
        s.run_id, s.query_id, s.replicate, s.span_id,
        greatest(s.t0, r.r0) as t0,
        least(s.t1, r.r1) as t1,
        s.t1 - s.t0 as duration,
        s.op = 'chat' and coalesce(json_extract_string(s.attributes, '$."docmind.role"') = 'supervisor', false)
            as by_supervisor
    from spans as s
    join root as r using (run_id, query_id, replicate)
    where s.op in ('chat', 'text_completion', 'generate_content', 'embeddings', 'retrieval', 'execute_tool')
),
work as (
    select v.with_supervisor, leaf.*
    from leaf, (values (true), (false)) as v (with_supervisor)
    where leaf.t1 > leaf.t0 and (v.with_supervisor or not leaf.by_supervisor)
),
marked as (
    select
        *,
        max(t1) over (
            partition by with_supervisor, run_id, query_id, replicate order by t0, t1, span_id
            rows between unbounded preceding and 1 preceding
        ) as previous_end
    from work
),
islands as (
    select
        *,
        sum(case when previous_end is null or t0 > previous_end then 1 else 0 end) over (
            partition by with_supervisor, run_id, query_id, replicate order by t0, t1, span_id
            rows unbounded preceding
        ) as island
    from marked
),
segments as (
    select with_supervisor, run_id, query_id, replicate, island, min(t0) as t0, max(t1) as t1
    from islands
    group by all
),
busy as (
    select
        run_id, query_id, replicate,
        sum(t1 - t0) filter (where with_supervisor) as busy,
        sum(t1 - t0) filter (where not with_supervisor) as busy_without_supervisor
    from segments
    group by all
),
total as (
    select
        run_id, query_id, replicate,
        sum(t1 - t0) filter (where t1 > t0) as work_sum,
        sum(duration) filter (where by_supervisor) as supervisor
    from leaf
    group by all
)
select
    r.query_id,
    r.replicate,
    (r.r1 - r.r0) / 1e9                                             as wall_s,
    coalesce(busy, 0) / 1e9                                         as busy_s,
    ((r.r1 - r.r0) - coalesce(busy, 0)) / 1e9                       as coordination_overhead_s,
    ((r.r1 - r.r0) - coalesce(busy, 0)) / nullif(r.r1 - r.r0, 0)    as coordination_overhead_ratio,
    work_sum / nullif(busy, 0)                                      as parallelism_ratio,
    ((r.r1 - r.r0) - coalesce(busy_without_supervisor, 0)) / 1e9    as coordination_incl_supervisor_s,
    coalesce(supervisor, 0) / 1e9                                   as supervisor_llm_s
from root as r
left join busy using (run_id, query_id, replicate)
left join total using (run_id, query_id, replicate)
order by 1, 2
