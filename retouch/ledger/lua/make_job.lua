-- Begin a job: what is done to many edits of a batch. Nothing is done to them before it is counted and started.
-- What happens to an edit from now on is not what was decided about: the job leaves such an edit alone.
-- ARGV: now, id, batch, action (cancel | retry | anew), states (comma separated), groups of failures (the same; '': any), who decides,
--   '1' if it cancels all that waits, '1' if it is started at once.
-- Returns 1; 0: there is no such batch, or it is being removed.
-- Changes the job, the oldest of many that nobody has started, STATE (jobs); the batch (offers; cancelled, unsealed if all that waits is
-- cancelled at once).
-- include: clock jobs
local id, batch = ARGV[2], ARGV[3]
local key = job_key(id)
local made = redis.call('HGET', batch_key(batch), 'made') or ''
if not jobs.is_of(made, batch) then return 0 end
redis.call('HSET', key, 'state', JOB.counting, 'batch', batch, 'made', made, 'action', ARGV[4],
  'states', ARGV[5], 'groups', ARGV[6], 'by', ARGV[7], 'all', ARGV[8], 'created', NOW, 'next', '0',
  'number', redis.call('HINCRBY', STATE, 'jobs', 1))
redis.call('PEXPIRE', key, JOB_OFFERED_MS)
jobs.note(batch, 'offers', id, JOBS_OFFERED)
if ARGV[8] == '1' and ARGV[9] == '1' then jobs.cancel_batch(batch) end -- or what is written meanwhile would be sent
return 1
