-- Removes the tokens of a subject: of one session, or of all but one. KEYS: the subject's list.
-- ARGV: prefix, the session or '', the one that stays or ''. How many there were.
local session, but = ARGV[2], ARGV[3]
local removed = take_where(tokens_of(KEYS[1]), function(token)
  return (session == '' or token.session == session) and token.session ~= but
end)
return removed
