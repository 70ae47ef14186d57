-- Adds jobs to the queue.
-- ARGV: the limit of waiting jobs or -1, the number of jobs in the whole call, then groups of either
--   'p' COUNT PRIORITY HEAD (ID REST)...     jobs that are due, have no keys and share the first seven bytes
--   'j' ID DELAY HEAD REST                   one job
-- REST is the blob from byte 22 on; the script writes the times between the two.
-- Result: one letter per job (n new, k known, j joined) and the winners of the joined ones in turn; or, if there is no
-- room, the number of waiting jobs.
local call, base, h = redis.call, KEYS[1], nil
local JOBS, WAKE = base .. N.jobs, base .. N.wake
local limit, total = tonumber(ARGV[1]), tonumber(ARGV[2])
local time = call('TIME')
local now = time[1] * 1000000 + time[2]
local times = struct.pack('<I7I7', now, now)
local answers, winners, promoted, woken, one = {}, {}, {}, false, nil

if limit >= 0 and call('HLEN', JOBS) + total > limit then
  -- Near the limit, count only the jobs that are new.
  h = helpers()
  local before, new, at = h.waits(), total, 3
  if before + total > limit then
    while ARGV[at] do
      if ARGV[at] == 'p' then
        local count = tonumber(ARGV[at + 1])
        for one = 0, count - 1 do
          if h.lives(ARGV[at + 4 + 2 * one]) then new = new - 1 end
        end
        at = at + 4 + 2 * count
      else
        local job = h.open(ARGV[at + 3] .. times .. ARGV[at + 4])
        if h.lives(ARGV[at + 1]) or job and job.unique and h.winner(job.unique) then new = new - 1 end
        at = at + 5
      end
    end
    if before + new > limit then return before end
  end
end

-- Delayed jobs that are due already come before the pushed ones.
local function promote(rank)
  if promoted[rank] then return end
  promoted[rank] = true
  if call('EXISTS', base .. N.delayed .. rank) == 1 then
    h = h or helpers()
    h.promote(rank, now)
  end
end

local at = 3
while ARGV[at] do
  if ARGV[at] == 'p' then
    local count, rank, head = tonumber(ARGV[at + 1]), ARGV[at + 2], ARGV[at + 3] .. times
    local ids = {}
    for one = 1, count do ids[one] = ARGV[at + 2 + 2 * one] end
    local known = call('HMGET', JOBS, unpack(ids))
    local fresh, fields = {}, {}
    for one = 1, count do
      -- A cancelled job leaves a mark of one letter until a claim reaches its place in line.
      if known[one] and known[one] ~= 'G' then
        answers[#answers + 1] = 'k'
      else
        if known[one] then
          h = h or helpers()
          h.forget_ghost(ids[one])
        end
        answers[#answers + 1] = 'n'
        fresh[#fresh + 1] = ids[one]
        fields[#fields + 1] = ids[one]
        fields[#fields + 1] = head .. ARGV[at + 3 + 2 * one]
      end
    end
    if #fresh > 0 then
      promote(rank)
      -- Write the line first: an id without a job is skipped, while a job without a place would never start.
      call('RPUSH', base .. N.line .. rank, unpack(fresh))
      call('HSET', JOBS, unpack(fields))
      woken = true
    end
    at = at + 4 + 2 * count
  else
    if not one then
      h = h or helpers()
      local open, write, of = h.open, h.write, h.of

      function one(id, delay, head, rest)
        if h.lives(id) then return 'k' end
        local blob = head .. times .. rest
        local job = open(blob)
        job.due = now + delay
        if job.unique then
          local other = h.winner(job.unique)
          if other then
            winners[#winners + 1] = other
            return 'j'
          end
        end
        if call('HEXISTS', JOBS, id) == 1 then h.forget_ghost(id) end
        write(id, blob, job)
        if job.unique then call('HSET', of(N.unique, job.unique), 'w', id) end
        if job.order then
          local key = of(N.order, job.order)
          call('ZADD', key, 'NX', 0, id)
          if call('ZRANGE', key, 0, 0)[1] ~= id then
            h.park(id, job, false)
            return 'n'
          end
        end
        if delay == 0 then promote(job.rank) end
        h.line_up(id, job, now, false)
        woken = true
        return 'n'
      end
    end
    answers[#answers + 1] = one(ARGV[at + 1], tonumber(ARGV[at + 2]), ARGV[at + 3], ARGV[at + 4])
    at = at + 5
  end
end
-- One token is enough. Errors are ignored: workers also find the work by polling.
if woken and redis.pcall('EXISTS', WAKE) == 0 then redis.pcall('RPUSH', WAKE, '1') end
return { table.concat(answers), winners }
