-- Finds expired leases. ARGV: the largest number.
-- Result: for each its id, a letter (g gone, w waiting, x dead) and the reason of death or ''.
local call, base = redis.call, KEYS[1]
local JOBS, PROGRESS, STOP = base .. N.jobs, base .. N.progress, base .. N.stop
local sub = string.sub
local h = helpers()
local of, parked, running, clock, open, write, allow_writes, wake, line_up, unpark, release, advance, unique_waits, leave, note_failure, die, bury, worker_of = h.of, h.parked, h.running, h.clock, h.open, h.write, h.allow_writes, h.wake, h.line_up, h.unpark, h.release, h.advance, h.unique_waits, h.leave, h.note_failure, h.die, h.bury, h.worker_of
local now, room = clock(), tonumber(ARGV[1])
local rescued, fronts, due = {}, {}, false

local function wait(id, blob, job)
  if job.order then
    call('ZADD', of(N.order, job.order), 0, id)
    advance(job.order, now)
  end
  unique_waits(id, job)
  write(id, blob, job)
  line_up(id, job, now, true)
  if job.concurrency then release(job.concurrency) end
  call('HDEL', PROGRESS, id)
end

for rank = 0, 3 do
  local lost = room > 0 and call('ZRANGE', running(rank), '-inf', '(' .. string.format('%.0f', now), 'BYSCORE', 'LIMIT', 0, room) or {}
  room = room - #lost
  for _, member in ipairs(lost) do
    local id = sub(member, 1, 16)
    local worker = worker_of(member)
    call('ZREM', running(rank), member)
    local blob = call('HGET', JOBS, id)
    local job = blob and open(blob)
    if job then
      job.attempt = job.attempt + 1
      if job.concurrency then call('SREM', of(N.busy, job.concurrency), id) end
      local stopped = call('SISMEMBER', STOP, id) == 1
      local dead = job.attempt >= job.max
      if stopped and not dead then
        leave(id, job, now)
        rescued[#rescued + 1] = { id, 'g', '' }
      else
        note_failure(id, job, now, 2, worker, 'the lease of worker ' .. (worker or '?') .. ' ran out')
        if dead then
          local reason = 'crashed ' .. job.attempt .. ' times'
          die(id, blob, job, now, reason)
          rescued[#rescued + 1] = { id, 'x', reason }
        else
          fronts[#fronts + 1] = { id, blob, job, #fronts }
          rescued[#rescued + 1] = { id, 'w', '' }
        end
      end
      due = true
    elseif blob then
      bury(id, now)
      rescued[#rescued + 1] = { id, 'x', 'it cannot be read' }
    end
  end
  -- Returns parked jobs that no key blocks any more to the line, in case an earlier step missed them.
  for _, id in ipairs(call('ZRANDMEMBER', parked(rank), 5)) do
    local blob = call('HGET', JOBS, id)
    local job = blob and open(blob)
    if not job then
      call('ZREM', parked(rank), id)
    elseif (not job.order or (call('ZRANGE', of(N.order, job.order), 0, 0)[1] or id) == id)
      and (not job.concurrency or call('SCARD', of(N.busy, job.concurrency)) < job.limit) then
      allow_writes()
      unpark(id, job)
      line_up(id, job, now, true)
      due = true
    end
  end
end
table.sort(fronts, function(one, other)
  if one[3].due ~= other[3].due then return one[3].due > other[3].due end
  return one[4] > other[4]
end)
for _, one in ipairs(fronts) do wait(one[1], one[2], one[3]) end
if due then wake() end
return rescued
