-- Changes one job. ARGV: what (cancel, replay, discard, priority), id, and for priority its rank.
-- Result: 'u' the job is unknown or in the wrong state, 'g' removed, 'w' waiting, 's' running, a stop was requested.
local call, base = redis.call, KEYS[1]
local JOBS, META, DEAD, LAST_ERRORS, REASONS, STOP = base .. N.jobs, base .. N.meta, base .. N.dead, base .. N.errors, base .. N.reasons, base .. N.stop
local h = helpers()
local of, delayed, clock, open, write, wake, line_up, park, unpark, unique_waits, leave, lease_of = h.of, h.delayed, h.clock, h.open, h.write, h.wake, h.line_up, h.park, h.unpark, h.unique_waits, h.leave, h.lease_of
local what, id, now = ARGV[1], ARGV[2], clock()
local blob = call('HGET', JOBS, id)
if not blob or blob == 'G' then return 'u' end
local job = open(blob)
local is_dead = call('ZSCORE', DEAD, id)

if what == 'discard' then
  if not is_dead then return 'u' end
  call('ZREM', DEAD, id)
  call('HDEL', JOBS, id)
  call('HDEL', LAST_ERRORS, id)
  call('HDEL', REASONS, id)
  call('DEL', of(N.history, id))
  local rank = job and job.rank or N.unknown_rank
  call('HINCRBY', META, 'x' .. rank, -1)
  return 'g'
end

if what == 'replay' then
  if not is_dead or not job then return 'u' end
  call('ZREM', DEAD, id)
  call('HDEL', REASONS, id)
  call('HINCRBY', META, 'x' .. job.rank, -1)
  job.attempt, job.due = 0, now
  unique_waits(id, job)
  write(id, blob, job)
  if job.order then
    local key = of(N.order, job.order)
    call('ZADD', key, 'NX', 0, id)
    if call('ZRANGE', key, 0, 0)[1] ~= id then
      park(id, job, false)
      return 'w'
    end
  end
  line_up(id, job, now, false)
  wake()
  return 'w'
end

if what == 'priority' then
  if is_dead or not job or lease_of(id, job.rank) then return 'u' end
  local before, queued = job.rank, job.concurrency and call('ZSCORE', of(N.queued, job.concurrency), id)
  job.rank = tonumber(ARGV[3])
  if call('ZREM', delayed(before), id) == 1 then
    write(id, blob, job)
    line_up(id, job, now, false)
  elseif call('ZREM', base .. N.parked .. before, id) == 1 then
    write(id, blob, job)
    park(id, job, queued)
  elseif call('LREM', base .. N.line .. before, 0, id) > 0 then
    write(id, blob, job)
    line_up(id, job, now, false)
  else
    return 'u'
  end
  wake()
  return 'w'
end

if is_dead then return 'u' end
if job and lease_of(id, job.rank) then
  call('SADD', STOP, id)
  -- Notify each listener through its own list.
  call('ZREMRANGEBYSCORE', base .. N.ears, '-inf', now - 30000000)
  for _, ear in ipairs(call('ZRANGE', base .. N.ears, 0, 999)) do
    local told = of(N.told, ear)
    call('DEL', told)
    call('RPUSH', told, '1')
    call('PEXPIRE', told, 30000)
  end
  return 's'
end
if not job then
  -- The job cannot be read. The claim that reaches it in line moves it to the dead jobs.
  return 'u'
end
-- Finding a place in the middle of the line is slow, so a cancelled job leaves a mark there. Elsewhere it is removed.
local in_line = call('ZREM', delayed(job.rank), id) == 0 and not unpark(id, job)
leave(id, job, now)
if in_line then
  call('HSET', JOBS, id, 'G')
  call('HINCRBY', META, 'g' .. job.rank, 1)
end
return 'g'
