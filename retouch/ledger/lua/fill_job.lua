-- Which edits a job is about, as they stand now.
-- ARGV: now, id, a byte for each edit of the batch in its order ('\1': it is one of them), how many are at the API, and so are left alone.
-- Returns 1; 0: there is no such job any more.
-- Changes the job.
-- include: clock jobs
local id = ARGV[2]
if redis.call('EXISTS', job_key(id)) == 0 then return 0 end
redis.call('SET', jobs.chosen_key(id), ARGV[3], 'PX', JOB_OFFERED_MS)
redis.call('HSET', job_key(id), 'at_work', ARGV[4])
return 1
