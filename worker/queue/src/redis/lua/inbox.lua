-- The inbox: requests that other services pushed and no worker has settled yet.
-- ARGV: 'take' LEASE ID...             takes up to as many entries as there are ids, those with an expired lease first
--       'settle' ID...                 removes the entries
--       'refuse' ID JOB HEAD REST ERROR REASON    moves the entry to the dead letters, as a job with this blob
-- Result: 'take': for each entry the id, the text, and '1' if it was taken before; others: the number of entries found.
local call, base = redis.call, KEYS[1]
local pack = struct.pack
local LAST_ERRORS, ERROR = base .. N.errors, 64
local h = helpers()
local clock, open, die = h.clock, h.open, h.die
local INBOX, TAKEN, LEASES = base .. N.inbox, base .. N.inbox_taken, base .. N.inbox_leases

if ARGV[1] == 'take' then
  local now, room, found = clock(), #ARGV - 2, {}
  local ends = now + tonumber(ARGV[2])
  for _, id in ipairs(call('ZRANGEBYSCORE', LEASES, '-inf', now, 'LIMIT', 0, room)) do
    local text = call('HGET', TAKEN, id)
    if text then
      call('ZADD', LEASES, ends, id)
      found[#found + 1], found[#found + 2], found[#found + 3] = id, text, '1'
      room = room - 1
    else
      call('ZREM', LEASES, id)
    end
  end
  for at = 1, room do
    local text = call('LPOP', INBOX)
    if not text then break end
    local id = ARGV[2 + at]
    call('HSET', TAKEN, id, text)
    call('ZADD', LEASES, ends, id)
    found[#found + 1], found[#found + 2], found[#found + 3] = id, text, '0'
  end
  return found
end

local met = 0
if ARGV[1] == 'settle' then
  for at = 2, #ARGV do
    met = met + call('HDEL', TAKEN, ARGV[at])
    call('ZREM', LEASES, ARGV[at])
  end
elseif call('HDEL', TAKEN, ARGV[2]) == 1 then
  met = 1
  local id, now = ARGV[3], clock()
  call('ZREM', LEASES, ARGV[2])
  local blob = ARGV[4] .. pack('<I7I7', now, now) .. ARGV[5]
  local job = open(blob)
  job.flags = job.flags + ERROR
  call('HSET', LAST_ERRORS, id, ARGV[6])
  die(id, blob, job, now, ARGV[7])
end
return met
