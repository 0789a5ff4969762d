-- Writes uses down. KEYS: the tokens. ARGV: prefix, and for each key when it was used and to where
-- that moves its end. A value that is no token is left alone and told, after all others are
-- written.
local USED, EXPIRES, ENDS = 18, 26, 34
local foreign

local function time(bytes, at)
  return (struct.unpack('>i8', bytes, at))
end

for index, key in ipairs(KEYS) do
  local head = redis.pcall('GETRANGE', key, 0, 40)
  if head.err and not head.err:find('^WRONGTYPE') then
    return head
  end
  if type(head) ~= 'string' or head ~= '' and (head:byte(1) ~= VERSION or #head < 41) then
    foreign = key
  elseif head ~= '' then
    local used, expires = ARGV[2 * index], ARGV[2 * index + 1]
    if time(used, 1) < time(head, EXPIRES) then
      local new_used, new_expires = head:sub(USED, USED + 7), head:sub(EXPIRES, EXPIRES + 7)
      if time(used, 1) > time(head, USED) then
        new_used = used
      end
      if time(expires, 1) > time(head, ENDS) then
        expires = head:sub(ENDS, ENDS + 7)
      end
      if time(expires, 1) > time(head, EXPIRES) then
        new_expires = expires
      end
      if new_used .. new_expires ~= head:sub(USED, EXPIRES + 7) then
        redis.call('SETRANGE', key, USED - 1, new_used .. new_expires)
      end
    end
  end
end
if foreign then
  return redis.error_reply('ERR expected a token of version ' .. VERSION .. ' at ' .. foreign)
end
return 1
