-- Takes all requested costs, or none.
--
-- KEYS  1 the state, 2 the slots of probes, 3.. the slots of each cost's dimension
-- ARGV  1 the time, or '' for the server's; 2 the lane's rank; 3 its reserve; 4 concurrent probes; 5 the timeout of a
--       probe; 6 the serial number of the probe that this call belongs to, or ''; 7 how long the state is kept (ms);
--       then for each cost: name, 'rate', amount, limit, window, burst, at_reset
--                       or: name, 'slot', amount, usable, hold, 0, 0
-- Result: {1, serial, epoch, probe, quiet} or {0, wait, cause}; a cause is 'breaker', 'blocked' or 'dimension:NAME'.

local state = KEYS[1]
local now = clock(ARGV[1])
local rank, reserve = tonumber(ARGV[2]), tonumber(ARGV[3])
local costs = (#ARGV - 7) / 7

local fields = { 'u', 'o', 'f', 'b' }
for i = 1, costs do fields[#fields + 1] = 'd:' .. ARGV[7 * i + 1] end
local known = redis.call('HMGET', state, unpack(fields))
local open_until, epoch, failures, blocked = number(known[1] or nil), number(known[2] or nil), number(known[3] or nil),
  number(known[4] or nil)

-- Check the breaker, then a block by the platform.
local half_open = open_until ~= 0 and now >= open_until
local under_try = false
if open_until ~= 0 and not half_open then return { 0, exact(open_until - now), 'breaker' } end
if half_open then
  redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', exact(now))
  under_try = ARGV[6] ~= '' and redis.call('ZSCORE', KEYS[2], ARGV[6]) ~= false
  if not under_try and redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[4]) then
    return { 0, exact(PROBE_WAIT), 'breaker' }
  end
end
if blocked > now then return { 0, exact(blocked - now), 'blocked' } end

-- Returns how long a dimension makes the request wait.
local function wait_for_rate(bucket, rate, amount)
  rate = told(rate, bucket.limit)
  local usable = rate.burst * (1 - reserve)
  local needed = math.min(amount, usable)
  local owed = math.max(bucket.full_at - now, 0)
  local wait = math.max(owed - (usable - needed) * interval(rate), 0)
  if bucket.until_ > now then
    local to_reset = bucket.until_ - now
    local spare = bucket.left - math.min(amount, rate.limit)
    local kept = rate.limit * reserve
    if spare < 0 then
      wait = math.max(wait, to_reset)
    elseif kept > 0 then
      wait = math.max(wait, to_reset - spare * rate.window / kept)
    end
  end
  return wait
end

local asked, longest, cause = {}, 0, nil
for i = 1, costs do
  local at = 7 * i
  local name, kind, amount = ARGV[at + 1], ARGV[at + 2], tonumber(ARGV[at + 3])
  local bucket = read_bucket(known[4 + i] or nil)
  local ask = { name = name, slot = kind == 'slot', amount = amount, bucket = bucket, slots = KEYS[2 + i] }
  if ask.slot then
    ask.hold = tonumber(ARGV[at + 5])
    redis.call('ZREMRANGEBYSCORE', ask.slots, '-inf', exact(now))
    ask.wait = redis.call('ZCARD', ask.slots) < tonumber(ARGV[at + 4]) and 0 or SLOT_WAIT
  else
    ask.rate = rate_from(ARGV[at + 4], ARGV[at + 5], ARGV[at + 6], ARGV[at + 7])
    ask.wait = wait_for_rate(bucket, ask.rate, amount)
  end
  for above = 1, rank do ask.wait = math.max(ask.wait, bucket.wanted[above] - now) end
  ask.wait = math.ceil(ask.wait)
  if ask.wait > longest then longest, cause = ask.wait, 'dimension:' .. name end
  asked[i] = ask
end

local kept_for = ARGV[7]
if longest > 0 then
  for _, ask in ipairs(asked) do
    if ask.wait > 0 and rank < 3 then
      local turn = now + math.min(ask.wait, MEMORY) + HOLD
      ask.bucket.wanted[rank + 1] = math.max(ask.bucket.wanted[rank + 1], turn)
      write_bucket(state, ask.name, ask.bucket)
    end
  end
  redis.call('PEXPIRE', state, kept_for)
  return { 0, exact(longest), cause }
end

-- Nothing prevents the call.
local serial = redis.call('HINCRBY', state, 'n', 1)
local try = half_open and not under_try
if try then
  redis.call('ZADD', KEYS[2], exact(now + tonumber(ARGV[5])), serial)
  redis.call('PEXPIRE', KEYS[2], kept_for)
end
for _, ask in ipairs(asked) do
  local bucket = ask.bucket
  if ask.slot then
    redis.call('ZADD', ask.slots, exact(now + ask.hold), serial)
    redis.call('PEXPIRE', ask.slots, kept_for)
  else
    local rate = told(ask.rate, bucket.limit)
    bucket.full_at = math.min(math.ceil(math.max(bucket.full_at, now) + ask.amount * interval(rate)), now + LONGEST)
    if bucket.until_ > now then bucket.left = math.max(bucket.left - ask.amount, 0) end
  end
  if rank < 3 then bucket.wanted[rank + 1] = 0 end
  write_bucket(state, ask.name, bucket)
end
redis.call('PEXPIRE', state, kept_for)
local quiet = open_until == 0 and failures == 0
return { 1, serial, epoch, try and 1 or 0, quiet and 1 or 0 }
