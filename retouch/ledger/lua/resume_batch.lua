-- Resume a batch: lift all its pauses but that of its budget, which only another budget ends; and bring a page of its parked edits back
-- with their places in the order.
-- One that was paused for its failures goes on however many fail, or with another max_failures.
-- ARGV: now, batch, max_failures ('': none), '1' to bring the next page back and change nothing else.
-- Returns { 1 if a pause was lifted, how many edits came back }; to be called until fewer than PAGE do.
-- Refused: a max_failures that so many have failed already that it would be paused at once.
-- Emits retouch.resumed.
-- Changes the batch (paused, run, max_failures), parked, READY, CHORES.
-- include: clock batches
local batch, limit = ARGV[2], ARGV[3]
local key = batch_key(batch)
local b = redis.call('HMGET', key, 'paused', 'n:failed', 'pending', 'unsealed')
local was = b[1]

local function set_limit()
  local failed = tonumber(b[2] or '0')
  local above, all = exceeds(batch, limit, failed, tonumber(b[3]), b[4])
  if above then return redis.error_reply('LIMIT ' .. int(failed) .. ' of ' .. int(all)) end
  redis.call('HSET', key, 'max_failures', limit)
end

-- Returns how many pauses were lifted, and the one that stays.
local function lift()
  redis.call('HDEL', key, 'paused', 'run', 'run_words', 'run_since')
  local causes, lifted = cjson.decode(was), 0
  local stays = causes[BATCH_PAUSE.budget]
  if stays then redis.call('HSET', key, 'paused', cjson.encode({ [BATCH_PAUSE.budget] = stays })) end
  file_backlog(batch)
  if causes[BATCH_PAUSE.failures] and limit == '' then redis.call('HSET', key, 'max_failures', LIFTED) end
  for cause, pause in pairs(causes) do
    if cause ~= BATCH_PAUSE.budget then
      redis.call('HSET', key, 'waited', int(pause.since) .. ' ' .. NOW .. ' batch:' .. cause)
      emit('retouch.resumed', batch, cjson.encode({ batch = batch, cause = cause, reason = pause.reason }))
      lifted = lifted + 1
    end
  end
  return lifted, stays
end

if ARGV[4] == '1' then
  if was then return { 0, 0 } end -- it was paused anew meanwhile
else
  local refused = limit ~= '' and set_limit()
  if refused then return refused end
  if was then
    local lifted, stays = lift()
    if stays then return { lifted > 0 and 1 or 0, 0 } end
  end
end
local back = unpark(batch, PAGE)
if back == PAGE then redis.call('ZADD', CHORES, NOW, batch) end -- should nobody call again, a claim brings the rest
return { was and 1 or 0, back }
