-- A claim is begun by one call alone. Its message may be delivered twice (an acknowledgement was cut off), and its work may
-- be under way, or settled, when the second one comes.
-- include: clock

-- `holder`: of the claim; gone when it was settled. `begun`: the nonce of the call that began it, which may be made again
-- when its answer was lost.
local function may_begin(holder, begun, nonce) return holder and (not begun or begun == nonce) end
