-- Counts jobs. Result: for each priority: in line, delayed, parked, parked and not due, running, dead, and in
-- microseconds the longest time since a waiting one was due, and since a running and a dead one was pushed.
local call, base = redis.call, KEYS[1]
local JOBS, META, DEAD, FIXED = base .. N.jobs, base .. N.meta, base .. N.dead, 39
local byte, sub, unpack_blob = string.byte, string.sub, struct.unpack
local h = helpers()
local waiting, delayed, parked, running, clock = h.waiting, h.delayed, h.parked, h.running, h.clock
local now = clock()
local counts = {}
local function pushed_ago(ids)
  local oldest = 0
  for _, member in ipairs(ids) do
    local blob = call('HGET', JOBS, sub(member, 1, 16))
    if blob and #blob >= FIXED then oldest = math.max(oldest, now - unpack_blob('<I7', blob, 15)) end
  end
  return oldest
end
local meta = call('HMGET', META, 'g0', 'g1', 'g2', 'g3', 'x0', 'x1', 'x2', 'x3')
local dead_ages = {}
for _, id in ipairs(call('ZRANGE', DEAD, 0, 99)) do
  local blob = call('HGET', JOBS, id)
  local rank = blob and #blob >= FIXED and byte(blob) - 4 or N.unknown_rank
  dead_ages[rank] = math.max(dead_ages[rank] or 0, pushed_ago({ id }))
end
for rank = 0, 3 do
  -- The first job in line has been due for the longest time; marks of cancelled jobs are skipped.
  local oldest = 0
  for _, id in ipairs(call('LRANGE', waiting(rank), 0, 99)) do
    local blob = call('HGET', JOBS, id)
    if blob and #blob >= FIXED then
      local _, _, _, due = unpack_blob('<BHI4I7', blob)
      oldest = now - due
      break
    end
  end
  for _, key in ipairs({ parked(rank), delayed(rank) }) do
    local first = call('ZRANGE', key, 0, 0, 'WITHSCORES')
    if #first > 0 then oldest = math.max(oldest, now - tonumber(first[2])) end
  end
  counts[rank + 1] = {
    math.max(0, call('LLEN', waiting(rank)) - (tonumber(meta[rank + 1]) or 0)),
    call('ZCARD', delayed(rank)),
    call('ZCARD', parked(rank)),
    -- Due jobs that were not moved into line yet do not count as delayed.
    call('ZCOUNT', parked(rank), '(' .. string.format('%.0f', now), '+inf')
      + call('ZCOUNT', delayed(rank), '(' .. string.format('%.0f', now), '+inf'),
    call('ZCARD', running(rank)),
    math.max(0, tonumber(meta[rank + 5]) or 0),
    oldest,
    -- Estimated from the jobs whose leases end first, since long-running jobs renew theirs; an exact value needs every
    -- job.
    pushed_ago(call('ZRANGE', running(rank), 0, 99)),
    dead_ages[rank] or 0,
  }
end
return counts
