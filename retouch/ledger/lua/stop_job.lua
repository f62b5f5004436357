-- Stop a job: what it has done stays.
-- ARGV: now, id.
-- Returns its state now; '': there is no such job.
-- Changes the job, JOBS.
-- include: clock jobs
local id = ARGV[2]
local state = redis.call('HGET', job_key(id), 'state')
if state ~= JOB.running then return state or '' end
jobs.finish(id, JOB.stopped)
return JOB.stopped
