-- All tokens of a subject, packed. KEYS: the subject's list. ARGV: prefix.
local values = {}
for index, token in ipairs(tokens_of(KEYS[1])) do
  values[index] = token.value
end
return values
