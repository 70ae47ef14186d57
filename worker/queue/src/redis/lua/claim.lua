-- Claims due jobs.
-- ARGV: worker, limit, lease, overdue bound or '', concurrency key or ''; times in microseconds.
-- Result: time until the next delayed job or -1, 1 if there may be more, the members (id .. token), the blobs, and for
-- each job with a last error: its position and that error.
local call, base, h = redis.call, KEYS[1], nil
local byte = string.byte
local JOBS, META, FIXED = base .. N.jobs, base .. N.meta, 39
local worker, limit, lease = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local time = call('TIME')
local now = time[1] * 1000000 + time[2]
local known = call('HMGET', META, 'paused', 'token', 'n:' .. worker)
if known[1] then return { -1, 0, {}, {}, {} } end

local next_due, more = nil, false
for rank = 0, 3 do
  local head = call('ZRANGE', base .. N.delayed .. rank, 0, 0, 'WITHSCORES')
  local due, left = tonumber(head[2]), false
  if due and due <= now then
    h = h or helpers()
    due, left = h.promote(rank, now)
    more = more or left
  end
  if due and due > now and (not next_due or due < next_due) then next_due = due end
end

-- The first part of a token grows with the clock, so that tokens keep growing even after the store has lost its data.
-- The last two bytes are slot * 8 + plain * 4 + priority, so that a settlement need not read the job.
local stem, slot
local function token(rank, plain)
  if not stem then
    stem = math.max((tonumber(known[2]) or 0) + 1, math.floor(now / 64))
    -- When memory is short, the server refuses a script at its first write, unless that write needs no memory: see
    -- allow_writes.
    call('DEL', base .. N.nothing)
    call('HSET', META, 'token', string.format('%.0f', stem))
    slot = known[3]
    if not slot then
      -- Slots are reused after 8,192 workers.
      slot = call('HINCRBY', META, 'slots', 1) % 8192
      local before = call('HGET', META, 's:' .. slot)
      if before then call('HDEL', META, 'n:' .. before) end
      call('HSET', META, 's:' .. slot, worker, 'n:' .. worker, slot)
    end
  end
  return struct.pack('>I6H', stem, slot * 8 + plain * 4 + rank)
end

local members, blobs, errors, leases = {}, {}, {}, {}
local looked, bound = 0, limit + 1000

-- Claims a job that has keys or earlier attempts.
local function take(id, blob, job)
  local last = h.start(id, job)
  local member = id .. token(job.rank, 0)
  leases[#leases + 1] = now + lease
  leases[#leases + 1] = member
  members[#members + 1] = member
  blobs[#blobs + 1] = blob
  if last then errors[#errors + 1] = { #members, last } end
end

-- Examines ids from the front of a line, claims the jobs that may start, and trims the ids off the line. Leases are
-- written before the trim, so that no job is lost in between; jobs that return to the front of a line do so after it.
local function from_front(rank, count)
  local line = base .. N.line .. rank
  local ids = call('LRANGE', line, 0, count - 1)
  if #ids == 0 then return 0 end
  looked = looked + #ids
  local found = call('HMGET', JOBS, unpack(ids))
  local plain, ghosts, freed = nil, 0, nil
  leases = {}
  for at, id in ipairs(ids) do
    local blob = found[at]
    if not blob then
      -- No job has this id any more.
    elseif blob == 'G' then
      call('HDEL', JOBS, id)
      ghosts = ghosts + 1
    else
      local mark, low, high = byte(blob, 1, 3)
      if mark == 4 + rank and low == 0 and high == 0 and #blob >= FIXED then
        plain = plain or token(rank, 1)
        local member = id .. plain
        leases[#leases + 1] = now + lease
        leases[#leases + 1] = member
        members[#members + 1] = member
        blobs[#blobs + 1] = blob
      else
        h = h or helpers()
        local job = h.open(blob)
        if not job then
          h.bury(id, now)
        else
          local why = h.hindrance(id, job)
          if not why then
            take(id, blob, job)
          else
            h.park(id, job, why == 'busy')
            if why == 'order' and job.concurrency then
              freed = freed or {}
              freed[#freed + 1] = job.concurrency
            end
          end
        end
      end
    end
  end
  if #leases > 0 then call('ZADD', base .. N.running .. rank, unpack(leases)) end
  call('LTRIM', line, #ids, -1)
  if ghosts > 0 then call('HINCRBY', META, 'g' .. rank, -ghosts) end
  -- A concurrency slot was released for a job that is now parked for its order key; the next job of the key gets it.
  if freed then
    for _, key in ipairs(freed) do h.release(key) end
  end
  return #ids
end

if ARGV[5] ~= '' then
  -- Jobs of one concurrency key: the parked ones, and those among the first 500 of each line.
  h = h or helpers()
  local key = ARGV[5]
  for rank = 0, 3 do
    local candidates = {}
    local queued =
      call('ZRANGE', h.of(N.queued, key), rank * 1e14, (rank + 1) * 1e14 - 1, 'BYSCORE', 'LIMIT', 0, limit)
    local line = call('LRANGE', h.waiting(rank), 0, 499)
    for source, ids in ipairs({ queued, line }) do
      if #ids > 0 then
        for at, blob in ipairs(call('HMGET', JOBS, unpack(ids))) do
          local job = blob and blob ~= 'G' and h.has(byte(blob, 2) or 0, 4) and h.open(blob)
          if job and job.concurrency == key then
            candidates[#candidates + 1] = { ids[at], blob, job, source == 1, #candidates }
          end
        end
      end
    end
    table.sort(candidates, function(one, other)
      if one[3].due ~= other[3].due then return one[3].due < other[3].due end
      return one[5] < other[5]
    end)
    leases = {}
    for _, one in ipairs(candidates) do
      if #members >= limit then break end
      local id, blob, job, aside = one[1], one[2], one[3], one[4]
      if not h.hindrance(id, job) then
        if aside then h.unpark(id, job) else call('LREM', h.waiting(rank), 1, id) end
        take(id, blob, job)
      end
    end
    if #leases > 0 then call('ZADD', h.running(rank), unpack(leases)) end
  end
elseif ARGV[4] ~= '' then
  -- Repeatedly claims the one of the four heads that has been due for the longest time.
  h = h or helpers()
  local function head_due(rank)
    for _ = 1, 100 do
      local id = call('LINDEX', h.waiting(rank), 0)
      if not id then return nil end
      local blob = call('HGET', JOBS, id)
      if blob and #blob >= FIXED then return (struct.unpack('<I7', blob, 8)) end
      from_front(rank, 1)
    end
  end
  local than = now - tonumber(ARGV[4])
  while #members < limit and looked < bound do
    local oldest, its
    for rank = 0, 3 do
      local due = head_due(rank)
      if due and due <= than and (not oldest or due < oldest) then oldest, its = due, rank end
    end
    if not its then break end
    from_front(its, 1)
  end
else
  for rank = 0, 3 do
    while #members < limit and looked < bound do
      if from_front(rank, math.min(limit - #members, 250)) == 0 then break end
    end
  end
  if #members >= limit or looked >= bound then
    more = more
      or call('EXISTS', base .. N.line .. 0, base .. N.line .. 1, base .. N.line .. 2, base .. N.line .. 3) > 0
  end
  -- Leave the remaining work to another process.
  if more and redis.pcall('EXISTS', base .. N.wake) == 0 then redis.pcall('RPUSH', base .. N.wake, '1') end
end
return { next_due and next_due - now or -1, more and 1 or 0, members, blobs, errors }
