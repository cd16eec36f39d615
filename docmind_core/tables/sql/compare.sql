-- Two runs over the same queries, for analysts: per metric, agent and slice both means over the queries that have a value
-- in each, the mean difference with a standard error clustered by cluster_id (CR2), and for tokens the mean log ratio.
-- No p, no MDE, no verdict: those are computed by `docmind compare` and stored in `comparisons`.
with measured as (
    select
        run_id, query_id, replicate, cluster_id, status, fallback, billed_tokens, calls,
        [coalesce(query_type, 'unknown'), 'all']
            || list_transform(coalesce(tags, []), lambda tag: 'tag:' || tag) as slices
    from query_runs
    where run_id in (baseline, candidate) and phase is distinct from 'warmup'
),
planned as (
    select run_id, query_id, any_value(cluster_id) as cluster_id, any_value(slices) as slices, count(*) as replicates
    from measured
    group by all
),
agents as (
    select distinct agent from llm_calls
    where run_id in (baseline, candidate) and coalesce(phase, 'measured') = 'measured' and role <> 'judge'
),
by_agent as (
    select
        run_id, query_id, replicate, agent,
        case when count(*) = count(billed_tokens) then sum(billed_tokens) end as billed_tokens
    from llm_calls
    where run_id in (baseline, candidate) and coalesce(phase, 'measured') = 'measured' and role <> 'judge'
    group by all
),
figures as (
    select run_id, query_id, replicate, 'all' as agent, metric, value
    from measurements
    where run_id in (baseline, candidate) and draw = 0
    union all by name
    select
        run_id, query_id, replicate, 'all' as agent,
        unnest(['billed_tokens', 'calls', 'good_ratio']) as metric,
        unnest([billed_tokens, calls, (status = 'answered' and not coalesce(fallback, false))::int]::double[]) as value
    from measured
    union all by name
    select
        m.run_id, m.query_id, m.replicate, agents.agent, 'billed_tokens' as metric,
        if(b.run_id is null, 0, b.billed_tokens)::double as value
    from measured as m
    cross join agents
    left join by_agent as b
        on (b.run_id, b.query_id, b.replicate, b.agent) = (m.run_id, m.query_id, m.replicate, agents.agent)
),
per_query as (
    select f.run_id, f.query_id, f.agent, f.metric, any_value(p.cluster_id) as cluster_id, any_value(p.slices) as slices,
        case when count(f.value) = any_value(p.replicates) then avg(f.value) end as value
    from figures as f
    join planned as p using (run_id, query_id)
    group by all
),
pairs as (
    select
        c.metric, c.agent, unnest(c.slices) as slice, coalesce(c.cluster_id, c.query_id) as cluster_id,
        b.value as baseline_value, c.value as candidate_value, c.value - b.value as difference,
        case when c.metric like '%\_tokens' escape '\' and c.value > 0 and b.value > 0 then ln(c.value / b.value) end
            as log_ratio
    from per_query as c
    join per_query as b using (query_id, agent, metric)
    where c.run_id = candidate and b.run_id = baseline and c.value is not null and b.value is not null
),
means as (
    select metric, agent, slice, count(*) as n, avg(difference) as difference from pairs group by all
),
errors as (
    select metric, agent, slice, sum(deviation ** 2 / nullif(1 - size / n, 0)) / any_value(n) ** 2 as variance,
        count(*) as clusters
    from (
        select p.metric, p.agent, p.slice, p.cluster_id, sum(p.difference - m.difference) as deviation,
            count(*) as size, any_value(m.n) as n
        from pairs as p
        join means as m using (metric, agent, slice)
        group by all
    )
    group by all
)
select
    p.metric,
    p.agent,
    p.slice,
    count(*)                                                        as n,
    any_value(e.clusters)                                           as clusters,
    avg(p.baseline_value)                                           as baseline_value,
    avg(p.candidate_value)                                          as candidate_value,
    avg(p.difference)                                               as difference,
    case when any_value(e.clusters) > 1 then sqrt(any_value(e.variance)) end as standard_error,
    avg(p.log_ratio)                                                as log_ratio,
    count(p.log_ratio)                                              as n_log_ratio
from pairs as p
join errors as e using (metric, agent, slice)
group by p.metric, p.agent, p.slice
order by p.slice <> 'all', p.slice, p.agent <> 'all', p.agent, p.metric
