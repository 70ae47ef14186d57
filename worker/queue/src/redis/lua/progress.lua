-- Stores a job's progress. ARGV: member (id .. token), JSON. Result: 1, or 0 if the claim is stale.
local call, base = redis.call, KEYS[1]
local PROGRESS = base .. N.progress
local byte, sub = string.byte, string.sub
local h = helpers()
local running = h.running
if not call('ZSCORE', running(byte(ARGV[1], 24) % 4), ARGV[1]) then return 0 end
call('HSET', PROGRESS, sub(ARGV[1], 1, 16), ARGV[2])
return 1
