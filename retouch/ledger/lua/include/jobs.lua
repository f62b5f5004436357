-- Jobs: what a person has decided about many edits of a batch. A job is counted, then started, and done page by page; whoever calls
-- does the next page.
-- include: clock batches
local jobs = {}

-- The edits that it is about: a byte each in the batch's order, '\1' for those that are.
function jobs.chosen_key(id) return job_key(id) .. ':chosen' end

-- A batch that is being removed is none any more; one of the same name that is made later is another one.
function jobs.is_of(made, batch)
  local b = redis.call('HMGET', batch_key(batch), 'state', 'made', 'removing')
  return b[1] and not b[3] and (b[2] or '') == made
end

function jobs.forget(id)
  redis.call('ZREM', JOBS, id)
  redis.call('UNLINK', job_key(id), jobs.chosen_key(id))
end

-- The batch knows its jobs, so that they go with it: `field` has the ids of those that were started (jobs), or can be (offers). Of more
-- than `most` the oldest goes that is not at work.
function jobs.note(batch, field, id, most)
  local known = {}
  for one in string.gmatch((redis.call('HGET', batch_key(batch), field) or '') .. ' ' .. id, '%S+') do known[#known + 1] = one end
  for i, one in ipairs(known) do
    if #known <= most then break end
    if redis.call('HGET', job_key(one), 'state') ~= JOB.running then
      jobs.forget(one)
      table.remove(known, i)
      break
    end
  end
  redis.call('HSET', batch_key(batch), field, table.concat(known, ' '))
end

function jobs.finish(id, state)
  redis.call('ZREM', JOBS, id)
  redis.call('UNLINK', jobs.chosen_key(id))
  redis.call('HSET', job_key(id), 'state', state, 'ended', NOW)
  redis.call('PEXPIRE', job_key(id), JOB_KEPT_MS)
end

-- Edits that come back to the queue later are cancelled too, and who is still writing to the batch is refused.
function jobs.cancel_batch(batch)
  redis.call('HSET', batch_key(batch), 'cancelled', NOW)
  seal(batch, '')
end
