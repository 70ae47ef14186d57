-- Returns which jobs exist. ARGV: ids. Result: a letter per id, 1 or 0.
local call, base = redis.call, KEYS[1]
local JOBS = base .. N.jobs
local answers = {}
for at, blob in ipairs(call('HMGET', JOBS, unpack(ARGV))) do answers[at] = blob and blob ~= 'G' and '1' or '0' end
return table.concat(answers)
