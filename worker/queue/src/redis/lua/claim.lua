-- Takes due jobs.
-- ARGV: worker, at most so many, lease, overdue bound or '', concurrency key or ''; times in microseconds.
-- Result: time until the next delayed job or -1, 1 if there may be more, the members (id .. token), the blobs, and for
-- each job that has something beside its blob: its position, last error or '', whether there is one, merged payloads.
local worker, limit, lease = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local now = clock()
local known = call('HMGET', META, 'paused', 'token', 'n:' .. worker)
if known[1] then return { -1, 0, {}, {}, {} } end

local next_due, more = nil, false
for rank = 0, 3 do
  local due, left = promote(rank, now)
  if due and due > now and (not next_due or due < next_due) then next_due = due end
  more = more or left
end

-- Tokens grow with time, so that they go on growing even if the store has lost all it knew.
local stem, slot
local function token(rank, plain)
  if not stem then
    stem = math.max((tonumber(known[2]) or 0) + 1, math.floor(now / 64))
    allow_writes()
    call('HSET', META, 'token', string.format('%.0f', stem))
    slot = known[3]
    if not slot then
      -- Workers are numbered in a ring; whoever was there a whole ring ago gives way.
      slot = call('HINCRBY', META, 'slots', 1) % 8192
      local before = call('HGET', META, 's:' .. slot)
      if before then call('HDEL', META, 'n:' .. before) end
      call('HSET', META, 's:' .. slot, worker, 'n:' .. worker, slot)
    end
  end
  return pack('>I6H', stem, slot * 8 + plain * 4 + rank)
end

local members, blobs, extras = {}, {}, {}
local looked, bound = 0, limit + 1000

-- Takes a job for good: its keys are free.
local function take(id, blob, job, leases)
  local suffix = token(job.rank, 0)
  if job.order then call('ZADD', of(N.order, job.order), -1, id) end
  if job.concurrency then call('SADD', of(N.busy, job.concurrency), id) end
  unique_runs(id, job)
  local member = id .. suffix
  leases[#leases + 1] = now + lease
  leases[#leases + 1] = member
  members[#members + 1] = member
  blobs[#blobs + 1] = blob
  if has(job.flags, ERROR) or has(job.flags, MERGED) then
    local last = has(job.flags, ERROR) and call('HGET', LAST_ERRORS, id)
    local merged = has(job.flags, MERGED) and call('LRANGE', of(N.merged, id), 0, -1) or {}
    extras[#extras + 1] = { #members, last or '', last and 1 or 0, merged }
  end
end

-- Why a job must stand aside: nothing, 'order' or 'busy'.
local function hindrance(id, job)
  if job.order then
    local head = call('ZRANGE', of(N.order, job.order), 0, 0)[1]
    if head and head ~= id then return 'order' end
  end
  if job.concurrency and call('SCARD', of(N.busy, job.concurrency)) >= job.limit then return 'busy' end
end

-- Looks at ids from the front of a line, takes what may start, and cuts them off the line. What goes back to the front
-- of a line does so after that.
local function from_front(rank, count)
  local line = waiting(rank)
  local ids = call('LRANGE', line, 0, count - 1)
  if #ids == 0 then return 0 end
  looked = looked + #ids
  local found = call('HMGET', JOBS, unpack(ids))
  local plain, leases, ghosts, freed = nil, {}, 0, {}
  for at, id in ipairs(ids) do
    local blob = found[at]
    if not blob then
      -- Nobody knows it.
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
        local job = open(blob)
        if not job then
          bury(id, now)
        else
          local why = hindrance(id, job)
          if not why then
            take(id, blob, job, leases)
          else
            park(id, job, why == 'busy')
            if why == 'order' and job.concurrency then freed[#freed + 1] = job.concurrency end
          end
        end
      end
    end
  end
  if #leases > 0 then call('ZADD', running(rank), unpack(leases)) end
  call('LTRIM', line, #ids, -1)
  if ghosts > 0 then call('HINCRBY', META, 'g' .. rank, -ghosts) end
  -- A place in line that was given to a job which stands aside for another reason goes to the next.
  for _, key in ipairs(freed) do release(key) end
  return #ids
end

local function from_the_lines()
  for rank = 0, 3 do
    while #members < limit and looked < bound do
      if from_front(rank, math.min(limit - #members, 250)) == 0 then break end
    end
  end
end

local function head_due(rank)
  for _ = 1, 100 do
    local id = call('LINDEX', waiting(rank), 0)
    if not id then return nil end
    local blob = call('HGET', JOBS, id)
    if blob and #blob >= FIXED then
      local _, _, _, due = unpack_blob('<BHI4I7', blob)
      return due
    end
    if from_front(rank, 1) == 0 then return nil end
  end
end

local function overdue(than)
  while #members < limit and looked < bound do
    local oldest, its
    for rank = 0, 3 do
      local due = head_due(rank)
      if due and due <= than and (not oldest or due < oldest) then oldest, its = due, rank end
    end
    if not its then return end
    from_front(its, 1)
  end
end

-- Jobs of one concurrency key: those that stand aside, and those among the first of each line.
local function of_key(key)
  for rank = 0, 3 do
    local candidates, leases = {}, {}
    local queued = call('ZRANGE', of(N.queued, key), rank * 1e14, (rank + 1) * 1e14 - 1, 'BYSCORE', 'LIMIT', 0, limit)
    local line = call('LRANGE', waiting(rank), 0, 499)
    for source, ids in ipairs({ queued, line }) do
      if #ids > 0 then
        for at, blob in ipairs(call('HMGET', JOBS, unpack(ids))) do
          local job = blob and blob ~= 'G' and has(byte(blob, 2) or 0, CONCURRENCY) and open(blob)
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
    for _, one in ipairs(candidates) do
      if #members >= limit then break end
      local id, blob, job, aside = one[1], one[2], one[3], one[4]
      if not hindrance(id, job) then
        if aside then unpark(id, job) else call('LREM', waiting(rank), 1, id) end
        take(id, blob, job, leases)
      end
    end
    if #leases > 0 then call('ZADD', running(rank), unpack(leases)) end
  end
end

if ARGV[5] ~= '' then
  of_key(ARGV[5])
elseif ARGV[4] ~= '' then
  overdue(now - tonumber(ARGV[4]))
else
  from_the_lines()
  if #members >= limit or looked >= bound then
    for rank = 0, 3 do more = more or call('EXISTS', waiting(rank)) == 1 end
  end
  -- Somebody else may take what is left.
  if more then wake() end
end
return { next_due and next_due - now or -1, more and 1 or 0, members, blobs, extras }
