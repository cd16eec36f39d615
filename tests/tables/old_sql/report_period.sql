-- The agent executions of the last $hours hours before `until`, a UTC time; without it, before now.
select *
from agent_executions
where "timestamp" > coalesce(until::timestamp, make_timestamp(epoch_us(now())))
        - to_milliseconds((hours::double * 3600000)::bigint)
    and "timestamp" <= coalesce(until::timestamp, make_timestamp(epoch_us(now())))
