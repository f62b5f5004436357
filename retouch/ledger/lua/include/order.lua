-- The fair order: a batch's edits are spaced by 1 / weight in virtual time.
-- What an older program wrote without a check is read as if it were not there: one such number would end the order for all.

local function is_weight(weight) return weight and weight >= WEIGHT_MIN and weight <= WEIGHT_MAX end

local function spacing(weight)
  weight = tonumber(weight)
  return is_weight(weight) and 1 / weight or 1
end

local function virtual_time(text)
  local at = tonumber(text or '0')
  return at and at > -math.huge and at < math.huge and at or 0
end
