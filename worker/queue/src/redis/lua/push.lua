-- Puts jobs in line.
-- ARGV: the limit of waiting jobs or -1, how many jobs the whole call has, then groups of either
--   'p' COUNT PRIORITY HEAD (ID REST)...     jobs that are due, have no keys and share the first seven bytes
--   'j' ID DELAY HEAD REST RULE LENGTH       one job; RULE is '' or w, d, f, m, LENGTH that of `f`
-- REST is the blob from byte 22 on; the times between are the store's.
-- Result: one letter per job (n new, k known, j joined, m merged) and the winners of the latter two in turn; or how many
-- wait if there is no room.
local limit, total = tonumber(ARGV[1]), tonumber(ARGV[2])
local now = clock()
local times = pack('<I7I7', now, now)

local function waits()
  local sum = 0
  for rank = 0, 3 do
    sum = sum + call('LLEN', waiting(rank)) + call('ZCARD', delayed(rank)) + call('ZCARD', parked(rank))
  end
  for _, ghosts in ipairs(call('HMGET', META, 'g0', 'g1', 'g2', 'g3')) do sum = sum - (tonumber(ghosts) or 0) end
  return sum
end

-- A cancelled job leaves a mark of one letter until its place in line is met.
local function is_there(blob) return blob and blob ~= 'G' end

local function lives(id)
  local blob = call('HGET', JOBS, id)
  return is_there(blob)
end

-- Which job stands for one of this key, and whether it waits.
local function winner(key, rule)
  local own = of(N.unique, key)
  local first = call('HGET', own, 'w')
  if first then
    if lives(first) then return first, true end
    call('HDEL', own, 'w')
  end
  if rule == 'd' then
    for _, field in ipairs(call('HKEYS', own)) do
      if byte(field) == 114 then
        if lives(sub(field, 2)) then return sub(field, 2), false end
        call('HDEL', own, field)
      end
    end
  elseif rule == 'f' then
    local held = call('HGET', own, 'f')
    if held and unpack_blob('<I7', held, 17) > now then return sub(held, 1, 16), false end
  end
end

local function forget_ghost(id, rank)
  -- The same id again: its old place must not count as a second one.
  for other = 0, 3 do
    if call('LREM', waiting(other), 0, id) > 0 then call('HINCRBY', META, 'g' .. other, -1) end
  end
end

local answers, winners, due, woken = {}, {}, {}, false

if limit >= 0 and call('HLEN', JOBS) + total > limit then
  -- Near the limit: only what is really new counts.
  local before, new, at = waits(), total, 3
  if before + total > limit then
    while ARGV[at] do
      if ARGV[at] == 'p' then
        local count = tonumber(ARGV[at + 1])
        for one = 0, count - 1 do
          if lives(ARGV[at + 4 + 2 * one]) then new = new - 1 end
        end
        at = at + 4 + 2 * count
      else
        local id, rule = ARGV[at + 1], ARGV[at + 5]
        if lives(id) then
          new = new - 1
        elseif rule ~= '' then
          local job = open(ARGV[at + 3] .. times .. ARGV[at + 4])
          local other = job and job.unique and winner(job.unique, rule)
          if other and not (rule == 'm' and call('LLEN', of(N.merged, other)) >= N.max_merges) then new = new - 1 end
        end
        at = at + 7
      end
    end
    if before + new > limit then return before end
  end
end

local function promote_once(rank)
  if not due[rank] then
    due[rank] = true
    promote(rank, now)
  end
end

local function one(id, delay, head, rest, rule, length)
  local known = call('HGET', JOBS, id)
  if is_there(known) then return 'k' end
  local blob = head .. times .. rest
  local job = open(blob)
  job.due = now + delay
  if job.unique then
    local other, it_waits = winner(job.unique, rule)
    if other and rule == 'm' and it_waits then
      local merged = of(N.merged, other)
      if call('LLEN', merged) < N.max_merges then
        call('RPUSH', merged, sub(blob, job.payload))
        local its = call('HGET', JOBS, other)
        local opened = open(its)
        if opened and not has(opened.flags, MERGED) then
          opened.flags = opened.flags + MERGED
          write(other, its, opened)
        end
        winners[#winners + 1] = other
        return 'm'
      end
      -- It is full: this one takes the key over.
      local its = call('HGET', JOBS, other)
      local opened = open(its)
      if opened and not has(opened.flags, LOST) then
        opened.flags = opened.flags + LOST
        write(other, its, opened)
      end
      call('HDEL', of(N.unique, job.unique), 'w')
    elseif other then
      winners[#winners + 1] = other
      return 'j'
    end
  end
  if known then forget_ghost(id) end
  write(id, blob, job)
  if job.unique then
    local own = of(N.unique, job.unique)
    call('HSET', own, 'w', id)
    if rule == 'f' then call('HSET', own, 'f', id .. pack('<I7', now + tonumber(length))) end
    call('PERSIST', own)
  end
  if job.order then
    local key = of(N.order, job.order)
    call('ZADD', key, 'NX', 0, id)
    if call('ZRANGE', key, 0, 0)[1] ~= id then
      park(id, job, false)
      return 'n'
    end
  end
  if delay == 0 then promote_once(job.rank) end
  line_up(id, job, now, false)
  woken = true
  return 'n'
end

local at = 3
while ARGV[at] do
  if ARGV[at] == 'p' then
    local count, rank, head = tonumber(ARGV[at + 1]), ARGV[at + 2], ARGV[at + 3]
    head = head .. times
    local ids = {}
    for one = 1, count do ids[one] = ARGV[at + 2 + 2 * one] end
    local known = call('HMGET', JOBS, unpack(ids))
    local fresh, fields = {}, {}
    for one = 1, count do
      if is_there(known[one]) then
        answers[#answers + 1] = 'k'
      else
        if known[one] then forget_ghost(ids[one]) end
        answers[#answers + 1] = 'n'
        fresh[#fresh + 1] = ids[one]
        fields[#fields + 1] = ids[one]
        fields[#fields + 1] = head .. ARGV[at + 3 + 2 * one]
      end
    end
    if #fresh > 0 then
      promote_once(rank)
      -- The line first: an id without a job is passed over, a job without a place would never start.
      call('RPUSH', waiting(rank), unpack(fresh))
      call('HSET', JOBS, unpack(fields))
      woken = true
    end
    at = at + 4 + 2 * count
  else
    answers[#answers + 1] =
      one(ARGV[at + 1], tonumber(ARGV[at + 2]), ARGV[at + 3], ARGV[at + 4], ARGV[at + 5], ARGV[at + 6])
    at = at + 7
  end
end
if woken then wake() end
return { table.concat(answers), winners }
