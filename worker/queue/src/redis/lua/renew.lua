-- Extends leases. ARGV: length in microseconds, members (id .. token).
-- Result: a letter per member (h held, c cancel requested, - lost).
local call, base = redis.call, KEYS[1]
local STOP = base .. N.stop
local byte, sub = string.byte, string.sub
local h = helpers()
local running, clock = h.running, h.clock
local till, answers, ids = clock() + tonumber(ARGV[1]), {}, {}
for at = 2, #ARGV do
  local member = ARGV[at]
  local key = running(byte(member, 24) % 4)
  if call('ZSCORE', key, member) then
    call('ZADD', key, 'XX', till, member)
    answers[at - 1] = 'h'
  else
    answers[at - 1] = '-'
  end
  ids[at - 1] = sub(member, 1, 16)
end
if call('EXISTS', STOP) == 1 then
  for at, stopped in ipairs(call('SMISMEMBER', STOP, unpack(ids))) do
    if stopped == 1 and answers[at] == 'h' then answers[at] = 'c' end
  end
end
return table.concat(answers)
