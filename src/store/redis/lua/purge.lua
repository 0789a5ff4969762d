-- Purges some routes. ARGV: prefix, by when tokens must have ended, how many steps may be done, and
-- the routes. How many tokens were removed, and how many of the routes are done with.
local ended_by, most = struct.unpack('>i8', ARGV[2]), tonumber(ARGV[3])
local purged, steps = 0, 0

local function ended(key)
  return redis.call('ZRANGEBYSCORE', key, '-inf', ended_by, 'LIMIT', 0, most - steps)
end

for index = 4, #ARGV do
  local ends = PREFIX .. 'ends:{' .. ARGV[index] .. '}'
  for _, subject in ipairs(ended(ends)) do
    local list = PREFIX .. 'of:{' .. ARGV[index] .. '}:' .. subject
    for _, digest in ipairs(ended(list)) do
      -- It has ended by the list. One that can't be read is left to the server, and stops nobody.
      local is_read, token = pcall(get, digest)
      if is_read and token and list_of(token) == list then
        take(token)
        purged = purged + 1
      else
        redis.call('ZREM', list, digest)
      end
      steps = steps + 1
    end
    local first = redis.call('ZRANGE', list, 0, 0, 'WITHSCORES')
    if first[1] then
      redis.call('ZADD', ends, first[2], subject)
    else
      redis.call('ZREM', ends, subject)
    end
    steps = steps + 1
    if steps >= most then
      return { purged, index - 4 }
    end
  end
end
return { purged, #ARGV - 3 }
