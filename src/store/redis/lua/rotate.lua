-- Turns a session's refresh token. ARGV: prefix, its digest, the generation that was shown, when,
-- the grace in microseconds, to where its end moves, and of the new access token: digest, value,
-- and for how many milliseconds to keep it. What came of it, and the access token to be told again.
local refresh, shown = get(ARGV[2]), tonumber(ARGV[3])
local at, grace, expires_at = struct.unpack('>i8', ARGV[4]), tonumber(ARGV[5]), ARGV[6]
if not (refresh and refresh.generation and at < refresh.expires_at) then
  return { 'unknown' }
end
local access = read(ARGV[7], ARGV[8])
local tokens = tokens_of(list_of(refresh))

local function is_of_session(token)
  return token.session == refresh.session
end

local function is_access(token)
  return is_of_session(token) and token.kind == access.kind and not token.generation
end

if shown == refresh.generation then
  local replaced = get(access.digest)
  if replaced and list_of(replaced) ~= list_of(access) then
    redis.call('ZREM', list_of(replaced), replaced.digest)
  end
  take_where(tokens, is_access)
  put(access, ARGV[9])

  local value = refresh.value
  local used, expires = value:sub(18, 25), value:sub(26, 33)
  if at > refresh.used_at then
    used = ARGV[4]
  end
  if struct.unpack('>i8', expires_at) > refresh.ends_at then
    expires_at = value:sub(34, 41)
  end
  if struct.unpack('>i8', expires_at) > refresh.expires_at then
    expires = expires_at
  end
  local generation = math.min(refresh.generation + 1, 4294967295)
  redis.call('SET', key_of(refresh.digest), value:sub(1, 17) .. used .. expires .. value:sub(34, 41)
    .. struct.pack('>BI4', bit.bor(refresh.flags, ROTATED), generation) .. ARGV[4] .. value:sub(55),
    'KEEPTTL')
  return { 'rotated' }
end

local was_rotated = bit.band(refresh.flags, ROTATED) ~= 0
if shown + 1 == refresh.generation and was_rotated and math.max(at - refresh.rotated_at, 0) < grace then
  for _, token in ipairs(tokens) do
    if is_access(token) then
      return { 'again', token.value }
    end
  end
  return { 'unknown' }
end
if shown < refresh.generation then
  take_where(tokens, is_of_session)
  return { 'reused' }
end
return { 'unknown' }
