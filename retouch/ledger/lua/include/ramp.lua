-- The ramp after an outage: the share of requests of a kind that is allowed. (Rate limits are in claim.lua.)
-- include: clock

local RAMP_MS = 12000 -- after an outage the flow comes back over this long

-- From a tenth to all within RAMP_MS of the end of an outage.
local function ramp(kind)
  local closed_at = tonumber(redis.call('HGET', STATE, 'closed_at:' .. kind) or '0')
  return math.min(1, 0.1 + 0.9 * math.max(0, now - closed_at) / RAMP_MS)
end
