-- What all verbs share. ARGV[1] is what the names of all keys begin with. A verb reads and checks
-- all that it needs before it writes anything, so that an error leaves everything as it was.

local PREFIX = ARGV[1]
local VERSION = 1
local REFRESH, ROTATED, CLIENT, SEED = 1, 2, 4, 8
local DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

-- The key of a token. The first twelve bits of a digest are its route.
local function key_of(digest)
  local route = tonumber(digest:sub(1, 3), 16)
  local high, low = math.floor(route / 64) + 1, route % 64 + 1
  return PREFIX .. '{' .. DIGITS:sub(high, high) .. DIGITS:sub(low, low) .. '}:' .. digest
end

local function list_of(token)
  return PREFIX .. 'of:{' .. token.route .. '}:' .. token.subject
end

-- Reads a value, as `packed.rs` writes it. Times are numbers here, exact to the microsecond until
-- the year 2255; where they are written they are copied as bytes.
local function read(digest, value)
  if value:byte(1) ~= VERSION then
    error('expected a token of version ' .. VERSION .. ' at ' .. key_of(digest))
  end
  local token = { digest = digest, value = value }
  token.issued_at, token.authenticated_at, token.used_at, token.expires_at, token.ends_at, token.flags =
    struct.unpack('>i8i8i8i8i8B', value, 2)
  local at = 43
  if bit.band(token.flags, REFRESH) ~= 0 then
    token.generation, token.rotated_at, at = struct.unpack('>I4i8', value, at)
  end
  token.session, token.route, token.kind, token.subject, at =
    struct.unpack('>c16c2I4c0I4c0', value, at)
  if bit.band(token.flags, CLIENT) ~= 0 then
    local _
    _, at = struct.unpack('>I4c0', value, at)
  end
  if bit.band(token.flags, SEED) ~= 0 then
    at = at + 32
    token.derived = not token.generation
  end
  -- Where the scopes and the label begin.
  token.described = at
  return token
end

-- The token with this digest, if it is there.
local function get(digest)
  local value = redis.call('GET', key_of(digest))
  return value and read(digest, value)
end

-- All tokens of a subject. The server may have dropped some that are listed, and somebody else may
-- have taken them over since.
local function tokens_of(list)
  local tokens = {}
  for _, digest in ipairs(redis.call('ZRANGE', list, 0, -1)) do
    local token = get(digest)
    if token and list_of(token) == list then
      tokens[#tokens + 1] = token
    end
  end
  return tokens
end

-- Takes a token out.
local function take(token)
  redis.call('DEL', key_of(token.digest))
  redis.call('ZREM', list_of(token), token.digest)
end

-- Keeps a token for so many milliseconds, instead of one with the same digest. It is listed first:
-- a digest that is listed and not there does no harm.
local function put(token, keep)
  redis.call('ZADD', list_of(token), token.ends_at, token.digest)
  redis.call('ZADD', PREFIX .. 'ends:{' .. token.route .. '}', 'LT', token.ends_at, token.subject)
  redis.call('SET', key_of(token.digest), token.value, 'PX', keep)
end

-- Takes the tokens out that are `wanted`. How many, and those that are left.
local function take_where(tokens, wanted)
  local left = {}
  for _, token in ipairs(tokens) do
    if wanted(token) then
      take(token)
    else
      left[#left + 1] = token
    end
  end
  return #tokens - #left, left
end
