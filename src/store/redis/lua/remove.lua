-- Removes one token. ARGV: prefix, digest. Whether there was one.
local token = get(ARGV[2])
if token then
  take(token)
end
return token and 1 or 0
