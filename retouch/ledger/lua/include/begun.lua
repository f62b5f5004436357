-- A claim is begun by one call alone. Its message may be delivered twice (an acknowledgement was cut off), and what it stands
-- for may be under way, or settled, when the second one comes.
-- include: clock

-- `holder`: of the claim; gone when it was settled. `begun`: the nonce of the call that began it. The very same call may be
-- repeated, because its answer was lost.
local function may_begin(holder, begun, nonce) return holder and (not begun or begun == nonce) end
