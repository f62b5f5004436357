-- Start a job that was counted; one that was started before is left as it is.
-- ARGV: now, id, '1' if the caller does its pages (others wait a while before they do).
-- Returns its state now; '': there is no such job, or its batch is gone.
-- Changes the job, JOBS, STARTED_JOBS, the batch (jobs, offers; cancelled, unsealed if all that waits is cancelled).
-- include: clock jobs
local id = ARGV[2]
local key = job_key(id)
local j = redis.call('HMGET', key, 'state', 'batch', 'made', 'all', 'counted')
if j[1] ~= JOB.counted then return j[1] or '' end
local batch = j[2]
if not jobs.is_of(j[3], batch) then
  jobs.forget(id)
  return ''
end

redis.call('HSET', key, 'state', JOB.running, 'started', NOW, 'next', '0')
redis.call('PERSIST', key)
redis.call('PERSIST', jobs.chosen_key(id))
jobs.note(batch, 'jobs', id, JOBS_OF_BATCH)
redis.call('ZADD', STARTED_JOBS, NOW, id)
redis.call('ZREMRANGEBYRANK', STARTED_JOBS, 0, -JOBS_LISTED - 1)
local offers = string.gsub(redis.call('HGET', batch_key(batch), 'offers') or '', id, '')
redis.call('HSET', batch_key(batch), 'offers', offers)
if j[4] == '1' then jobs.cancel_batch(batch) end
if j[5] == '0' then
  jobs.finish(id, JOB.done)
  return JOB.done
end
redis.call('ZADD', JOBS, int(now + (ARGV[3] == '1' and JOB_TAKEN_MS or 0)), id)
return JOB.running
