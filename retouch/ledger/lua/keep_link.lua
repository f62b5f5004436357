-- Keep the link to its init_image that an edit is sent with: under one number it is sent with one body.
-- ARGV: now, id, fence, link.
-- Returns 1, or 0 (claim lost).
-- Changes the edit (link).
-- include: clock
if redis.call('HGET', edit_key(ARGV[2]), 'fence') ~= ARGV[3] then return 0 end
redis.call('HSET', edit_key(ARGV[2]), 'link', ARGV[4])
return 1
