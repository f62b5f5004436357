-- What a batch may cost in all. If it was paused because that was used up, it goes on where its next image fits.
-- ARGV: now, batch, budget (micro-units; '': any amount), currency that it was said in ('': that of the price).
-- Returns 1, or -1 if there is no such batch.
-- Refused: a budget where there is no price, or in another currency than it.
-- Emits retouch.resumed.
-- Changes the batch (budget, currency, paused), STATE (counted), CHORES.
-- include: clock money
local batch, budget = ARGV[2], ARGV[3]
local key = batch_key(batch)
if redis.call('EXISTS', key) == 0 then return -1 end
if budget == '' then
  redis.call('HDEL', key, 'budget')
  end_batch_pause(batch, BATCH_PAUSE.budget)
  return 1
end
local refused = money.refused(ARGV[4])
if refused then return refused end
money.give_budget(batch, budget)
money.look_again(batch)
return 1
