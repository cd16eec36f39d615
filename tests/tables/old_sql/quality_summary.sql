-- One row per run, metric and slice (query type, or 'tag:<tag>', or 'all' for every query): the mean over the query runs that have a
-- value, with a standard error clustered by cluster_id: CR2, on Bell and McCaffrey's degrees of freedom (statistics/estimates.py).
-- Warm-up is left out. A ratio over a part of the queries (abstention_*) is the mean over the rows of that part.
with measured as (
    select
        run_id, query_id, replicate, cluster_id, status, fallback, no_passages, billed_tokens, tokens_missing_because,
        [coalesce(query_type, 'unknown'), 'all']
            || list_transform(coalesce(from_json(tags, '["varchar"]'), []), lambda tag: 'tag:' || tag) as slices
    from query_runs
    where coalesce(phase, 'measured') <> 'warmup'
),
scores as (
    select
        m.run_id, m.metric, unnest(q.slices) as query_type, m.value,
        m.missing_because, q.cluster_id, q.query_id, q.replicate
    from measurements as m
    join measured as q using (run_id, query_id, replicate)
    where m.draw = 0
    union all by name
    select
        run_id, 'good_ratio' as metric, unnest(slices) as query_type,
        (status = 'answered' and not coalesce(fallback, false))::double as value,
        null as missing_because, cluster_id, query_id, replicate
    from measured
    union all by name
    select
        run_id, 'no_passages_ratio' as metric, unnest(slices) as query_type,
        no_passages::double as value, null as missing_because, cluster_id, query_id, replicate
    from measured
    where no_passages is not null
),
means as (
    select
        run_id, metric, query_type,
        avg(value) as value,
        count(value) as n_defined,
        count(*) as n_total,
        count(distinct cluster_id) filter (where value is not null) as clusters,
        count(distinct query_id) filter (where value is not null) as n_queries,
        coalesce(bool_and(value in (0, 1)), false) and count(distinct query_id) filter (where value is not null)
            = count(distinct {'query_id': query_id, 'value': value}) filter (where value is not null) as is_yes_no,
        case when count(value) = 0 then mode(missing_because order by missing_because) end as missing_because
    from scores
    group by all
),
cluster_sums as (
    select
        s.run_id, s.metric, s.query_type, s.cluster_id, sum(s.value - m.value) as deviation,
        count(*) as size, 1 - count(*) / any_value(m.n_defined) as left_over, any_value(m.n_defined) as n
    from scores as s
    join means as m using (run_id, metric, query_type)
    where s.value is not null
    group by all
),
errors as (
    select
        run_id, metric, query_type,
        sum(deviation ** 2 / left_over) as squares,
        any_value(n) ** 2 / sum(size ** 2) as effective_clusters,
        any_value(n) ** 2 / (
            sum(size ** 2)
            + (sum(size ** 2 / left_over) ** 2 - sum((size ** 2 / left_over) ** 2)) / any_value(n) ** 2
        ) as freedom
    from cluster_sums
    where left_over > 0
    group by all
),
query_tokens as (
    select run_id, query_id, replicate, billed_tokens, tokens_missing_because, unnest(slices) as query_type
    from measured
),
per_correct as (
    select
        t.run_id,
        t.query_type,
        case when count(*) filter (where passed.value is not null) =
                count(t.billed_tokens) filter (where passed.value is not null)
            then nullif(sum(t.billed_tokens) filter (where passed.value is not null), 0) end
            / nullif(sum(passed.value), 0) as value,
        count(passed.value) as n_defined,
        count(*) as n_total,
        case
            when count(passed.value) = 0 then mode(passed.missing_because order by passed.missing_because)
            when sum(passed.value) = 0 then 'no_correct'
            when count(*) filter (where passed.value is not null and t.billed_tokens is distinct from 0) = 0
                then 'no_model_call'
            when count(*) filter (where passed.value is not null and t.billed_tokens is null) > 0
                then min(t.tokens_missing_because) filter (where passed.value is not null)
        end as missing_because
    from query_tokens as t
    join measurements as passed using (run_id, query_id, replicate)
    where passed.metric = 'passed' and passed.draw = 0
    group by all
),
together as (
    select
        run_id, metric, query_type, value, n_defined, n_total, clusters, effective_clusters, n_queries, is_yes_no,
        case when clusters > 1 then sqrt(squares) / n_defined end as standard_error,
        freedom,
        missing_because
    from means
    left join errors using (run_id, metric, query_type)
    union all by name
    select
        run_id, 'tokens_per_correct' as metric, query_type, value, n_defined, n_total,
        null as clusters, null as effective_clusters, null as n_queries, null as is_yes_no,
        null as standard_error, null as freedom, missing_because
    from per_correct
)
select
    runs.run_id,
    runs.benchmark_run,
    runs.arm,
    together.metric,
    together.query_type,
    together.value,
    together.standard_error,
    together.freedom,
    together.n_defined,
    together.n_total,
    together.clusters,
    together.effective_clusters,
    together.n_queries,
    together.is_yes_no,
    together.missing_because
from together
join runs using (run_id)
order by runs.benchmark_run, runs.arm, together.metric, together.query_type = 'all' desc, together.query_type
