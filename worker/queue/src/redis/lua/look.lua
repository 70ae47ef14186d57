-- Returns jobs for display. ARGV: 'ids' ID..., or the name of a place (line, delayed, parked, running with a priority;
-- dead), the end of the previous page ('' or member), its score, and how many to examine.
-- Result: the end of this page (member, score) or nothing at the end, and for each job: id, blob, state (w, r, x),
-- score, token of 8 bytes, worker, last error, reason, progress, 1 if a stop was requested, history. Absent values are
-- ''.
local call, base = redis.call, KEYS[1]
local JOBS, DEAD, LAST_ERRORS, REASONS, PROGRESS, STOP, ERROR, HISTORY = base .. N.jobs, base .. N.dead, base .. N.errors, base .. N.reasons, base .. N.progress, base .. N.stop, 64, 128
local sub = string.sub
local h = helpers()
local of, has, open, lease_of, worker_of = h.of, h.has, h.open, h.lease_of, h.worker_of
local jobs = {}

local function show(id, blob, state, score, member)
  local job = open(blob)
  local flags = job and job.flags or 0
  jobs[#jobs + 1] = {
    id, blob, state, string.format('%.0f', score or 0), member and sub(member, 17) or '', member and worker_of(member) or '',
    has(flags, ERROR) and call('HGET', LAST_ERRORS, id) or '',
    state == 'x' and call('HGET', REASONS, id) or '',
    call('HGET', PROGRESS, id) or '',
    call('SISMEMBER', STOP, id),
    has(flags, HISTORY) and call('LRANGE', of(N.history, id), 0, -1) or {},
  }
end

if ARGV[1] == 'ids' then
  for at = 2, #ARGV do
    local id = ARGV[at]
    local blob = call('HGET', JOBS, id)
    if blob and blob ~= 'G' then
      local died = call('ZSCORE', DEAD, id)
      local job = open(blob)
      if died then
        show(id, blob, 'x', tonumber(died))
      else
        local member, till
        if job then member, till = lease_of(id, job.rank) end
        show(id, blob, member and 'r' or 'w', till, member)
      end
    end
  end
  return { {}, jobs }
end

local place, last, last_score, count = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local key = base .. place
local found, ended = {}, {}
if sub(place, 1, 1) == N.line then
  -- The line is trimmed only at its front: if the last job of the previous page has left it, so have all jobs before
  -- it.
  local from = last ~= '' and call('LPOS', key, last) or false
  from = from and from + 1 or 0
  local ids = call('LRANGE', key, from, from + count - 1)
  if #ids > 0 then
    for at, blob in ipairs(call('HMGET', JOBS, unpack(ids))) do
      if blob and blob ~= 'G' then show(ids[at], blob, 'w') end
    end
  end
  if #ids == count then ended = { ids[#ids], '0' } end
else
  local backwards = place == N.dead
  local range = backwards and 'ZREVRANGE' or 'ZRANGE'
  local from = 0
  if last ~= '' then
    from = call(backwards and 'ZREVRANK' or 'ZRANK', key, last)
    if from then
      from = from + 1
    elseif backwards then
      from = call('ZCOUNT', key, last_score, '+inf')
    else
      from = call('ZCOUNT', key, '-inf', '(' .. last_score)
    end
  end
  found = call(range, key, from, from + count - 1, 'WITHSCORES')
  local state = backwards and 'x' or sub(place, 1, 1) == N.running and 'r' or 'w'
  for at = 1, #found, 2 do
    local member = found[at]
    local id = sub(member, 1, 16)
    local blob = call('HGET', JOBS, id)
    if blob and blob ~= 'G' then show(id, blob, state, tonumber(found[at + 1]), state == 'r' and member or nil) end
  end
  if #found == 2 * count then ended = { found[#found - 1], found[#found] } end
end
return { ended, jobs }
