-- Stores the outcomes of jobs.
-- ARGV: how many plain jobs of each priority are done, four numbers; their members; then for each other settlement five
-- values: what, member, and
--   'd' '' '' ''                  done, cancelled  'b' '' '' ''                given back, never started
--   'r' ERROR FRACTION AT_LEAST   failed           's' DELAY '' ''             could not be tried
--   'x' ERROR REASON ''           failed for good
-- A member is id .. token; a job is plain if it has no keys and no earlier attempts. FRACTION is the part of the
-- longest delay to wait; times are in microseconds.
-- Result: a letter per settlement (- stale, g gone, w waiting, x dead), the delays and reasons of the latter two in
-- turn, and 1 if there may be jobs to claim.
local call, base = redis.call, KEYS[1]
local byte, sub = string.byte, string.sub
local JOBS, PROGRESS, STOP = base .. N.jobs, base .. N.progress, base .. N.stop
local answers, details, due = {}, {}, false
local at = 5
for rank = 0, 3 do
  local count = tonumber(ARGV[rank + 1])
  if count > 0 then
    local members, ids = {}, {}
    for one = 1, count do members[one] = ARGV[at + one - 1] end
    at = at + count
    for one, score in ipairs(call('ZMSCORE', base .. N.running .. rank, unpack(members))) do
      if score then
        ids[#ids + 1] = sub(members[one], 1, 16)
        answers[#answers + 1] = 'g'
      else
        answers[#answers + 1] = '-'
      end
    end
    if #ids > 0 then
      call('HDEL', JOBS, unpack(ids))
      call('ZREM', base .. N.running .. rank, unpack(members))
      if call('EXISTS', PROGRESS, STOP) > 0 then
        call('HDEL', PROGRESS, unpack(ids))
        call('SREM', STOP, unpack(ids))
      end
    end
  end
end

if not ARGV[at] then return { table.concat(answers), details, 0 } end

local h = helpers()
local of, running, open, write = h.of, h.running, h.open, h.write
local advance, unique_waits, line_up, release = h.advance, h.unique_waits, h.line_up, h.release
local leave, note_failure, die, bury, worker_of = h.leave, h.note_failure, h.die, h.bury, h.worker_of
local MAX_DELAY = 86400000000
local now = h.clock()

-- The same doubling as in retry.rs.
local function bound(job)
  local cap = math.min(job.cap * 1000, MAX_DELAY)
  return math.min(cap, job.base * 1000 * 2 ^ math.min(math.max(job.attempt - 1, 0), 63))
end

local function stop_running(id, member, job)
  call('ZREM', running(job.rank), member)
  if job.concurrency then call('SREM', of(N.busy, job.concurrency), id) end
end

local function wait(id, blob, job, front)
  if job.order then
    call('ZADD', of(N.order, job.order), 0, id)
    advance(job.order, now)
  end
  unique_waits(id, job)
  write(id, blob, job)
  line_up(id, job, now, front)
  if job.concurrency then release(job.concurrency) end
  call('HDEL', PROGRESS, id)
  due = true
end

local fronts = {}
while ARGV[at] do
  local what, member, first, second, third = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4]
  at = at + 5
  local id, rank = sub(member, 1, 16), byte(member, 24) % 4
  local blob = call('ZSCORE', running(rank), member) and call('HGET', JOBS, id)
  local job = blob and open(blob)
  local answer = '-'
  if job then
    -- The current attempt counts from here on, unless the job is given back.
    job.attempt = job.attempt + 1
    local stopped = call('SISMEMBER', STOP, id) == 1
    if what == 'd' or (stopped and what ~= 'x' and (what ~= 'r' or job.attempt < job.max)) then
      stop_running(id, member, job)
      leave(id, job, now)
      if job.concurrency or job.order then due = true end
      answer = 'g'
    elseif what == 'b' or what == 's' then
      job.attempt = job.attempt - 1
      stop_running(id, member, job)
      if what == 's' then
        job.due = now + tonumber(first)
        wait(id, blob, job, false)
        details[#details + 1] = tonumber(first)
      else
        fronts[#fronts + 1] = { id, blob, job, #fronts }
        details[#details + 1] = 0
      end
      answer = 'w'
    elseif what == 'r' and job.attempt < job.max then
      local worker = worker_of(member)
      stop_running(id, member, job)
      note_failure(id, job, now, 0, worker, first)
      local delay = math.floor(bound(job) * tonumber(second))
      delay = math.max(delay, math.min(tonumber(third), MAX_DELAY))
      job.due = now + delay
      wait(id, blob, job, false)
      details[#details + 1] = delay
      answer = 'w'
    else
      local worker = worker_of(member)
      local reason = what == 'x' and second or 'failed ' .. job.attempt .. ' times'
      stop_running(id, member, job)
      note_failure(id, job, now, 1, worker, first)
      die(id, blob, job, now, reason)
      if job.concurrency or job.order then due = true end
      details[#details + 1] = reason
      answer = 'x'
    end
  elseif blob then
    -- The job cannot be read.
    call('ZREM', running(rank), member)
    bury(id, now)
    details[#details + 1] = 'it cannot be read'
    answer = 'x'
  end
  answers[#answers + 1] = answer
end
-- Jobs that are given back return to their old places, so the one that was due first is pushed to the front last. The
-- caller passes the ids in descending order, since Lua compares text by the server's locale.
table.sort(fronts, function(one, other)
  if one[3].due ~= other[3].due then return one[3].due > other[3].due end
  return one[4] < other[4]
end)
for _, one in ipairs(fronts) do wait(one[1], one[2], one[3], true) end
if due then h.wake() end
return { table.concat(answers), details, due and 1 or 0 }
