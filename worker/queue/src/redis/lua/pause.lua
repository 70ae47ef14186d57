-- ARGV: pause, resume or ask. Result: 1 if the state changed (ask: if the queue is paused).
local call, base = redis.call, KEYS[1]
local META = base .. N.meta
local h = helpers()
local wake = h.wake
if ARGV[1] == 'pause' then return call('HSETNX', META, 'paused', '1') end
if ARGV[1] == 'resume' then
  local resumed = call('HDEL', META, 'paused')
  if resumed == 1 then wake() end
  return resumed
end
return call('HEXISTS', META, 'paused')
