-- Registers a listener. ARGV: its name; with 'deaf' after it, the listener is removed.
local call, base = redis.call, KEYS[1]
local h = helpers()
local clock = h.clock
local ears = base .. N.ears
if ARGV[2] == 'deaf' then
  call('ZREM', ears, ARGV[1])
else
  call('ZADD', ears, clock(), ARGV[1])
end
return 1
