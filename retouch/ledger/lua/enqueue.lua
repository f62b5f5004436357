-- Add edits to a batch, which is made with its first. An edit that is there already is left alone.
-- The batch does not end while this producer writes: with no edits, it says that it is there.
-- ARGV: now, batch, producer (a name of its own), when the batch was cancelled as the producer knows ('': it was not), defaults
--   (JSON), weight and origin (JSON, '' for none) of a new batch, max_failures ('' for none) of one that was given none,
--   budget (micro-units; '' for none) of the same, the currency that it was said in ('': that of the price), who sends them ('': nobody says),
--   then per edit: custom_id, digest, parameters (JSON), samples, seed ('' for none).
-- Refused: a batch that was made with other defaults; with an origin, one that has another origin, or none; one that was given another
--   max_failures, or budget; a budget where there is no price, or in another currency.
-- Returns per edit: 1 added, 0 there already, -1 there with other parameters.
-- Changes the new edits, their batch, the batch that it does again (redos), BATCHES, order, strip, edits, READY, DUE.
-- include: buffer clock batches order journal money
local batch, producer, cancelled, defaults, weight, origin = ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7]
local limit, budget, currency, sender = ARGV[8], ARGV[9], ARGV[10], ARGV[11]
local key = batch_key(batch)
if not is_weight(tonumber(weight)) then return redis.error_reply('WEIGHT it must be ' .. WEIGHT_MIN .. ' to ' .. WEIGHT_MAX) end
local b = redis.call('HMGET', key, 'defaults', 'weight', 'virtual', 'cancelled', 'state', 'origin', 'given_failures', 'given_budget')
if b[4] and b[4] ~= cancelled then return redis.error_reply('CANCELLED the batch was cancelled') end -- by a person, since it was opened
if b[1] and b[1] ~= defaults then return redis.error_reply('DEFAULTS the batch was made with other defaults') end
if b[1] and origin ~= '' and b[6] ~= origin then return redis.error_reply('DEFAULTS the batch does other edits again') end
if limit ~= '' and b[7] and b[7] ~= limit then return redis.error_reply('LIMIT ' .. b[7]) end
if budget ~= '' and b[8] and b[8] ~= budget then return redis.error_reply('BUDGET ' .. b[8]) end
local refused = budget ~= '' and money.refused(currency)
if refused then return refused end
if #ARGV == 11 then
  if producers(batch)[producer] then hold_open(batch, producer) end -- not after its seal: an earlier call may come late
  return {}
end

-- A name may have been another batch's before, which is removed: an API would take the same keys for the same submits.
local function made_now()
  local t = redis.call('TIME')
  return string.format('%08x%05x', tonumber(t[1]), tonumber(t[2]))
end

-- The number of a redo is used once: the images of one that is removed may be kept under its name.
local function use_up_number()
  local number = tonumber(string.match(batch, '%-redo%-(%d+)$') or '')
  local parent = batch_key(cjson.decode(origin).redo_of)
  if number and redis.call('EXISTS', parent) == 1 then
    redis.call('HSET', parent, 'redos', int(math.max(number, tonumber(redis.call('HGET', parent, 'redos') or '0'))))
  end
end

if not b[1] then
  redis.call('HSET', key, 'state', 'open', 'created', NOW, 'made', made_now(), 'defaults', defaults, 'weight', weight,
    'pending', '0')
  if origin ~= '' then
    redis.call('HSET', key, 'origin', origin)
    use_up_number()
  end
  redis.call('ZADD', BATCHES, NOW, batch)
end
-- How many more edits of a batch get a journal, as RETOUCH_JOURNAL says.
local function journals_left()
  local setting = redis.call('HGET', STATE, 'journal')
  if setting == JOURNAL.off then return 0 end
  return setting == JOURNAL.on and math.huge or JOURNAL_EDITS - redis.call('LLEN', order_key(batch))
end

-- Whose edits a batch holds, the first one first: SENDERS_KEPT of them. An older program did not say: ''.
local function note_sender(before)
  local known = cjson.decode(redis.call('HGET', key, 'senders') or '[]')
  if #known == 0 and before > 0 then known[1] = '' end
  for _, name in ipairs(known) do
    if name == sender then return end
  end
  if #known == SENDERS_KEPT then return end
  known[#known + 1] = sender
  redis.call('HSET', key, 'senders', cjson.encode(known))
end

if limit ~= '' then give_limit(batch, limit) end
if budget ~= '' and redis.call('HSETNX', key, 'given_budget', budget) == 1 and redis.call('HEXISTS', key, 'budget') == 0 then
  money.give_budget(batch, budget)
end
local step = spacing(b[2] or weight)
local virtual = math.max(virtual_time(redis.call('HGET', STATE, 'virtual')), virtual_time(b[3]))
local verdicts, added, more_images, first = {}, 0, 0, redis.call('LLEN', order_key(batch))
local journals, begun, new = journals_left(), journal.begun(), {}
for i = 12, #ARGV, 5 do
  local custom_id, digest = ARGV[i], ARGV[i + 1]
  local id = batch .. '/' .. custom_id
  local known = redis.call('HGET', edit_key(id), 'digest')
  if known then
    verdicts[#verdicts + 1] = known == digest and 0 or -1
  else
    local fields = { 'state', 'queued', 'digest', digest, 'at', int(first + added) }
    if ARGV[i + 3] ~= '1' then
      fields[7], fields[8] = 'samples', ARGV[i + 3]
      more_images = more_images + tonumber(ARGV[i + 3]) - 1
    end
    if ARGV[i + 4] ~= '' then
      fields[#fields + 1] = 'seed'
      fields[#fields + 1] = ARGV[i + 4]
    end
    if added < journals then
      fields[#fields + 1] = 'h0'
      fields[#fields + 1] = begun
    end
    redis.call('HSET', edit_key(id), unpack(fields))
    buffer.hset(edits_key(batch), custom_id, ARGV[i + 2])
    new[added + 1] = custom_id
    buffer.zadd(READY, string.format('%.17g', virtual), id)
    virtual = virtual + step
    added = added + 1
    verdicts[#verdicts + 1] = 1
  end
end
if added > 0 then
  redis.call('RPUSH', order_key(batch), unpack(new))
  reopen(batch)
  note_sender(first)
  redis.call('SETRANGE', strip_key(batch), first, string.rep(LETTER.queued, added))
  redis.call('HINCRBY', key, 'pending', added)
  if redis.call('HINCRBY', key, 'n:queued', added) == added then file_backlog(batch) end
  count('n:queued', added)
  count('accepted', added)
  if more_images > 0 then redis.call('HINCRBY', key, 'more_images', more_images) end
  redis.call('HSET', key, 'virtual', string.format('%.17g', virtual))
end
if added > 0 or b[5] ~= 'completed' then
  hold_open(batch, producer)
  redis.call('HDEL', key, 'sealing') -- who writes on, seals
end
buffer.write()
return verdicts
