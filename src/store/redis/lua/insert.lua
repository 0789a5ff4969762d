-- Keeps the tokens of a new login. KEYS: the subject's list. ARGV: prefix, place, limit or 0, and
-- for the access token and, if there is one, the refresh token: digest, value, and for how many
-- milliseconds to keep it. How many tokens ended for it, and the one that is there instead, or
-- nothing.
local list, place, limit = KEYS[1], ARGV[2], tonumber(ARGV[3])
local new = {}
for index = 4, #ARGV, 3 do
  local token = read(ARGV[index], ARGV[index + 1])
  token.keep = ARGV[index + 2]
  new[#new + 1] = token
end
local access = new[1]

local old = {}
if place ~= 'add' or limit > 0 then
  old = tokens_of(list)
end
local replaced = {}
for _, token in ipairs(new) do
  replaced[token.digest] = get(token.digest) or nil
end

local function is_derived(token)
  return token.kind == access.kind and token.derived
end

local instead
local ended, over = 0, 0

if place == 'replace all' then
  local sessions = {}
  for _, token in ipairs(old) do
    if token.kind == access.kind then
      sessions[token.session] = true
    end
  end
  ended, old = take_where(old, function(token)
    return sessions[token.session]
  end)
elseif place == 'renew' then
  for index, token in ipairs(old) do
    if is_derived(token) then
      -- The new one's times, scopes and label.
      local value = access.value:sub(1, 41)
        .. token.value:sub(42, token.described - 1)
        .. access.value:sub(access.described)
      instead = read(token.digest, value)
      old[index] = instead
      put(instead, access.keep)
      break
    end
  end
elseif place == 'keep live' then
  for _, token in ipairs(old) do
    if is_derived(token) and access.issued_at < token.expires_at then
      instead = token
      break
    end
  end
  if not instead then
    local _
    _, old = take_where(old, is_derived)
  end
end

if not instead then
  for _, token in pairs(replaced) do
    redis.call('ZREM', list_of(token), token.digest)
  end
  local others = {}
  for _, token in ipairs(old) do
    if not replaced[token.digest] then
      others[#others + 1] = token
    end
  end
  old = others
  for _, token in ipairs(new) do
    put(token, token.keep)
  end
end

if limit > 0 then
  -- All other sessions of the kind that live, the least recently used first.
  local session = (instead or access).session
  local lives, others = {}, {}
  for _, token in ipairs(old) do
    if token.kind == access.kind and token.session ~= session then
      local life = lives[token.session]
      if not life then
        life = { session = token.session, expires_at = token.expires_at, used_at = token.used_at }
        lives[token.session] = life
      end
      life.expires_at = math.max(life.expires_at, token.expires_at)
      life.used_at = math.max(life.used_at, token.used_at)
    end
  end
  for _, life in pairs(lives) do
    if access.issued_at < life.expires_at then
      others[#others + 1] = life
    end
  end
  table.sort(others, function(a, b)
    return a.used_at < b.used_at
  end)
  local beyond = {}
  for index = 1, #others + 1 - limit do
    beyond[others[index].session] = true
  end
  over = take_where(old, function(token)
    return beyond[token.session]
  end)
end
return { ended + over, instead and instead.value or false }
