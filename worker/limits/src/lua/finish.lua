-- Returns the slots of a grant, records the result of the call, and applies what the platform reported.
--
-- KEYS  1 the state, 2.. the sorted sets in which the grant holds a slot
-- ARGV  1 the time, or '' for the server's; 2 the serial number; 3 the epoch; 4 'works', 'fails' or 'unknown';
--       5 the failure's text; 6 failures until it opens; 7 their longest distance; 8 open for; 9 at most;
--       10 unused; 11 successes until it closes; 12 blocked for, or ''; 13 how long the state is kept (ms);
--       then for each observation: name, limit, window, burst, at_reset, and the reported values, '' if absent:
--       limit, remaining, reset_in
-- Result: the phase: 0 closed, 1 open, 2 half-open.

local state = KEYS[1]
local now = clock(ARGV[1])
for i = 2, #KEYS do redis.call('ZREM', KEYS[i], ARGV[2]) end

local b = redis.call('HMGET', state, 'f', 't', 'o', 'k', 'u', 's', 'b')
local failures, failed_at, epoch, streak = number(b[1] or nil), number(b[2] or nil), number(b[3] or nil),
  number(b[4] or nil)
local open_until, successes, blocked = number(b[5] or nil), number(b[6] or nil), number(b[7] or nil)

local function phase()
  if open_until == 0 then return 0 end
  if now < open_until then return 1 end
  return 2
end

local verdict, was = ARGV[4], phase()
if tonumber(ARGV[3]) == epoch and verdict ~= 'unknown' and was ~= 1 then
  if verdict == 'works' then
    if was == 0 then
      failures = 0
    else
      successes = successes + 1
      if successes >= tonumber(ARGV[11]) then failures, streak, open_until, successes = 0, 0, 0, 0 end
    end
  else
    local apart = now - failed_at > tonumber(ARGV[7])
    if apart and was == 0 then failures = 1 else failures = failures + 1 end
    failed_at = now
    redis.call('HSET', state, 'e', ARGV[5])
    if was == 2 or failures >= tonumber(ARGV[6]) then
      epoch, streak, successes = epoch + 1, streak + 1, 0
      local doubled = tonumber(ARGV[8]) * 2 ^ math.min(math.max(streak - 1, 0), 40)
      open_until = now + math.min(doubled, math.max(tonumber(ARGV[9]), tonumber(ARGV[8])))
    end
  end
  redis.call('HSET', state, 'f', exact(failures), 't', exact(failed_at), 'o', exact(epoch), 'k', exact(streak),
    'u', exact(open_until), 's', exact(successes))
end

if ARGV[12] ~= '' then
  redis.call('HSET', state, 'b', exact(math.max(blocked, now + tonumber(ARGV[12]))))
end

for at = 13, #ARGV - 8, 8 do
  local name = ARGV[at + 1]
  local rate = rate_from(ARGV[at + 2], ARGV[at + 3], ARGV[at + 4], ARGV[at + 5])
  local bucket = read_bucket(redis.call('HGET', state, 'd:' .. name) or nil)
  if ARGV[at + 6] ~= '' then bucket.limit = tonumber(ARGV[at + 6]) end
  if ARGV[at + 7] ~= '' then
    local remaining = tonumber(ARGV[at + 7])
    rate = told(rate, bucket.limit)
    if rate.at_reset then
      local reset_in = ARGV[at + 8] ~= '' and tonumber(ARGV[at + 8]) or rate.window
      local until_ = now + math.min(reset_in, MAX_DELAY)
      local live = bucket.until_ > now
      -- Ignore an answer that is older than the current window.
      if not (live and until_ < bucket.until_ - SAME_WINDOW) then
        if live and until_ <= bucket.until_ + SAME_WINDOW then
          bucket.left = math.min(bucket.left, remaining)
        else
          bucket.left, bucket.until_, bucket.wanted = remaining, until_, { 0, 0, 0 }
        end
      end
    else
      local missing = rate.burst - math.min(remaining, rate.burst)
      bucket.full_at = math.max(bucket.full_at, math.ceil(now + missing * interval(rate)))
    end
  end
  write_bucket(state, name, bucket)
end
redis.call('PEXPIRE', state, ARGV[13])
return phase()
