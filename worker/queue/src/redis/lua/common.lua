-- Functions that several scripts share, as a table. KEYS[1] is the queue's base, `{PREFIX:QUEUE}:`; keys.rs has the
-- names of the other keys and replaces each N.name by one. All keys of a queue share one hash tag, as a cluster
-- requires. Frequent scripts create the table only when they need it: creating it takes longer than the rest of a call
-- for a few plain jobs.
--
-- A job's blob (blob.rs describes all of it): '<BHI4I7' 4 + priority, flags, attempts used, due; the rest never
-- changes.
local function helpers()
local call, base = redis.call, KEYS[1]
local JOBS, META, WAKE, DEAD = base .. N.jobs, base .. N.meta, base .. N.wake, base .. N.dead
local LAST_ERRORS, REASONS = base .. N.errors, base .. N.reasons
local PROGRESS, STOP = base .. N.progress, base .. N.stop
local sub, pack, unpack_blob = string.sub, struct.pack, struct.unpack
local UNIQUE, LOST, CONCURRENCY, ORDER, ERROR, HISTORY = 1, 2, 4, 8, 64, 128
local FIXED, MAX_DELAY, LONGEST_HISTORY = 39, 86400000000, 100

local function waiting(rank) return base .. N.line .. rank end
local function delayed(rank) return base .. N.delayed .. rank end
local function parked(rank) return base .. N.parked .. rank end
local function running(rank) return base .. N.running .. rank end
local function of(name, key) return base .. name .. ':' .. key end

local function clock()
  local time = call('TIME')
  return time[1] * 1000000 + time[2]
end

local function has(flags, flag) return flags % (flag + flag) >= flag end

-- Decodes a blob; nil if it is not in this version's form.
local function open(blob)
  if #blob < FIXED then return nil end
  local mark, flags, attempt, due = unpack_blob('<BHI4I7', blob)
  if mark < 4 or mark > 7 then return nil end
  local job = { rank = mark - 4, flags = flags, attempt = attempt, due = due }
  job.max, job.base, job.cap = unpack_blob('<I4I4I4', blob, 22)
  local at = FIXED + 1 + unpack_blob('<H', blob, 38)
  job.unique, job.concurrency, job.order = false, false, false
  local function text()
    if at + 1 > #blob then return nil end
    local length = unpack_blob('<H', blob, at)
    at = at + 2 + length
    return sub(blob, at - length, at - 1)
  end
  if has(flags, UNIQUE) then job.unique = text() end
  if has(flags, CONCURRENCY) then
    job.concurrency = text()
    if at + 3 > #blob then return nil end
    job.limit = unpack_blob('<I4', blob, at)
    at = at + 4
  end
  if has(flags, ORDER) then job.order = text() end
  if at > #blob + 1 or job.unique == nil or job.concurrency == nil or job.order == nil then return nil end
  return job
end

local function write(id, blob, job)
  local head = pack('<BHI4I7', 4 + job.rank, job.flags, job.attempt, job.due)
  call('HSET', JOBS, id, head .. sub(blob, 15))
end

-- Adds the wake-up token; one is enough. Errors are ignored: workers also find the work by polling.
local function wake()
  if redis.pcall('EXISTS', WAKE) == 0 then redis.pcall('RPUSH', WAKE, '1') end
end

-- When memory is short, the server refuses a script at its first write, unless that write needs no memory; later writes
-- are accepted. Scripts that claim, settle and remove jobs begin with this write.
local function allow_writes() call('DEL', base .. N.nothing) end

-- Moves delayed jobs that are due into line. Returns when the next one is due, and whether more are due already.
local function promote(rank, now)
  local key = delayed(rank)
  local head = call('ZRANGE', key, 0, 0, 'WITHSCORES')
  if #head == 0 then return nil, false end
  if tonumber(head[2]) > now then return tonumber(head[2]), false end
  local due = call('ZRANGE', key, '-inf', now, 'BYSCORE', 'LIMIT', 0, 500)
  allow_writes()
  call('RPUSH', waiting(rank), unpack(due))
  call('ZREMRANGEBYRANK', key, 0, #due - 1)
  head = call('ZRANGE', key, 0, 0, 'WITHSCORES')
  if #head == 0 then return nil, false end
  local next_due = tonumber(head[2])
  return next_due, next_due <= now
end

-- Puts a waiting job at the end or the front of its line, or among the delayed jobs.
local function line_up(id, job, now, front)
  if job.due > now then
    call('ZADD', delayed(job.rank), job.due, id)
  elseif front then
    call('LPUSH', waiting(job.rank), id)
  else
    call('RPUSH', waiting(job.rank), id)
  end
end

-- Parks a job beside the line: its key is busy, or it is not the first of its order key.
local function park(id, job, with_key)
  call('ZADD', parked(job.rank), job.due, id)
  if with_key and job.concurrency then
    -- Ordered by priority, then due time to the millisecond, then id.
    call('ZADD', of(N.queued, job.concurrency), job.rank * 1e14 + math.floor(job.due / 1000), id)
  end
end

local function unpark(id, job)
  if job.concurrency then call('ZREM', of(N.queued, job.concurrency), id) end
  return call('ZREM', parked(job.rank), id) == 1
end

-- A slot of a concurrency key may be free: moves the first parked job that fits to the front of its line.
local function release(key)
  local queued = of(N.queued, key)
  local ids = call('ZRANGE', queued, 0, 15)
  if #ids == 0 then return false end
  local busy = call('SCARD', of(N.busy, key))
  for _, id in ipairs(ids) do
    local blob = call('HGET', JOBS, id)
    local job = blob and open(blob)
    if not job then
      call('ZREM', queued, id)
    elseif job.limit > busy then
      if unpark(id, job) then
        call('LPUSH', waiting(job.rank), id)
        return true
      end
    end
  end
  return false
end

-- The first job of an order key may have changed: if it is parked for that reason, it returns to the line.
local function advance(key, now)
  local head = call('ZRANGE', of(N.order, key), 0, 0)[1]
  if not head then return end
  local blob = call('HGET', JOBS, head)
  local job = blob and open(blob)
  if not job then
    call('ZREM', of(N.order, key), head)
  elseif not (job.concurrency and call('ZSCORE', of(N.queued, job.concurrency), head)) and unpark(head, job) then
    line_up(head, job, now, true)
  end
end

-- Takes the unique key for a job that waits (again), unless another waiting job has the key.
local function unique_waits(id, job)
  if not job.unique or has(job.flags, LOST) then return end
  local own = of(N.unique, job.unique)
  local other = call('HGET', own, 'w')
  if other and other ~= id then
    job.flags = job.flags + LOST
  else
    call('HSET', own, 'w', id)
  end
end

-- Releases the unique key of a job that no longer waits.
local function unique_goes(id, job)
  if not job.unique or has(job.flags, LOST) then return end
  local own = of(N.unique, job.unique)
  if call('HGET', own, 'w') == id then call('DEL', own) end
end

-- Releases the keys of a job; only its blob remains.
local function let_go(id, job, now)
  unique_goes(id, job)
  if job.order then
    call('ZREM', of(N.order, job.order), id)
    advance(job.order, now)
  end
  if job.concurrency then
    call('SREM', of(N.busy, job.concurrency), id)
    release(job.concurrency)
  end
end

-- Removes a job from the queue.
local function leave(id, job, now)
  let_go(id, job, now)
  call('HDEL', JOBS, id)
  call('HDEL', PROGRESS, id)
  call('SREM', STOP, id)
  if has(job.flags, ERROR) then call('HDEL', LAST_ERRORS, id) end
  if has(job.flags, HISTORY) then call('DEL', of(N.history, id)) end
end

-- Records a failed attempt: how (0 retry, 1 dead, 2 crashed), the worker, and the error.
local function note_failure(id, job, now, how, worker, err)
  local key = of(N.history, id)
  local name = worker or ''
  call('RPUSH', key, pack('<I4I7BBH', job.attempt, now, how, worker and 1 or 0, #name) .. name .. err)
  call('LTRIM', key, -LONGEST_HISTORY, -1)
  call('HSET', LAST_ERRORS, id, err)
  if not has(job.flags, HISTORY) then job.flags = job.flags + HISTORY end
  if not has(job.flags, ERROR) then job.flags = job.flags + ERROR end
end

-- Makes a job dead. Writes the blob with the current attempts and flags of `job`.
local function die(id, blob, job, now, reason)
  let_go(id, job, now)
  write(id, blob, job)
  call('HDEL', PROGRESS, id)
  call('SREM', STOP, id)
  call('ZADD', DEAD, now, id)
  call('HSET', REASONS, id, reason)
  call('HINCRBY', META, 'x' .. job.rank, 1)
end

-- Moves a job that cannot be read to the dead jobs, for a person to inspect.
local function bury(id, now)
  call('ZADD', DEAD, now, id)
  call('HSET', REASONS, id, 'it cannot be read')
  call('HINCRBY', META, 'x' .. N.unknown_rank, 1)
end

-- Returns the member and the end of a running job's lease. Members are id .. token, so a settlement needs no search;
-- this function searches all running jobs of the priority.
local function lease_of(id, rank)
  local pattern = string.gsub(id, '[%*%?%[%]\\%^%-]', '\\%0') .. '*'
  local cursor = '0'
  repeat
    local found = call('ZSCAN', running(rank), cursor, 'MATCH', pattern, 'COUNT', 1000)
    for at = 1, #found[2], 2 do
      if sub(found[2][at], 1, 16) == id then return found[2][at], tonumber(found[2][at + 1]) end
    end
    cursor = found[1]
  until cursor == '0'
end

-- Returns the worker of a claim: the last two bytes of a member are slot * 8 + plain * 4 + priority.
local function worker_of(member)
  local low = unpack_blob('>H', member, 23)
  return call('HGET', META, 's:' .. math.floor(low / 8))
end

-- Returns why a job cannot start: nil, 'order' or 'busy'.
local function hindrance(id, job)
  if job.order then
    local head = call('ZRANGE', of(N.order, job.order), 0, 0)[1]
    if head and head ~= id then return 'order' end
  end
  if job.concurrency and call('SCARD', of(N.busy, job.concurrency)) >= job.limit then return 'busy' end
end

-- Takes the slots of a job's keys. Returns its last error if there is one.
local function start(id, job)
  if job.order then call('ZADD', of(N.order, job.order), -1, id) end
  if job.concurrency then call('SADD', of(N.busy, job.concurrency), id) end
  unique_goes(id, job)
  return has(job.flags, ERROR) and call('HGET', LAST_ERRORS, id)
end

-- Returns the number of waiting jobs. A cancelled job leaves a mark in its line until a claim reaches the mark.
local function waits()
  local sum = 0
  for rank = 0, 3 do
    sum = sum + call('LLEN', waiting(rank)) + call('ZCARD', delayed(rank)) + call('ZCARD', parked(rank))
  end
  for _, ghosts in ipairs(call('HMGET', META, 'g0', 'g1', 'g2', 'g3')) do sum = sum - (tonumber(ghosts) or 0) end
  return sum
end

local function lives(id)
  local blob = call('HGET', JOBS, id)
  return blob and blob ~= 'G'
end

-- Returns the job that waits with this unique key.
local function winner(key)
  local own = of(N.unique, key)
  local id = call('HGET', own, 'w')
  if not id or lives(id) then return id end
  call('DEL', own)
end

-- Removes the mark of a cancelled job whose id is pushed again, so that its old place does not count as a second one.
local function forget_ghost(id)
  for rank = 0, 3 do
    if call('LREM', waiting(rank), 0, id) > 0 then call('HINCRBY', META, 'g' .. rank, -1) end
  end
end

return {
  of = of, waiting = waiting, delayed = delayed, parked = parked, running = running, clock = clock, has = has,
  open = open, write = write, allow_writes = allow_writes, wake = wake, promote = promote, line_up = line_up,
  park = park, unpark = unpark, release = release, advance = advance, unique_waits = unique_waits, let_go = let_go,
  leave = leave, note_failure = note_failure, die = die, bury = bury, lease_of = lease_of, worker_of = worker_of,
  hindrance = hindrance, start = start, waits = waits, lives = lives, winner = winner, forget_ghost = forget_ghost,
}
end
