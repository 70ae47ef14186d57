-- Shared by take.lua and finish.lua: a dimension's bucket and the arithmetic of its rate. The operations are those of
-- bucket.rs, in the same order, so that both compute the same doubles. redis.rs prepends the constants LONGEST, HOLD,
-- MEMORY, SAME_WINDOW, SLOT_WAIT, PROBE_WAIT and MAX_DELAY.
--
-- The state of a subject is one hash:
--   b   no call before this time                 n   the last serial number given out
--   f   failures in a row                        t   the time of the last failure
--   o   how often the breaker opened             k   how often since it was last closed
--   u   open until; 0 when closed                s   successful probes since it was last open
--   e   the text of the last failure             d:NAME  a bucket: full_at left until limit wanted0 wanted1 wanted2
-- Slots in use are one sorted set per dimension: serial number -> end. Times are microseconds.

local function clock(given)
  if given ~= '' then return tonumber(given) end
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000000 + tonumber(time[2])
end

local function number(text) return tonumber(text or '0') or 0 end
local function exact(value) return string.format('%.17g', value) end

local function read_bucket(text)
  local numbers = {}
  for part in string.gmatch(text or '', '%S+') do numbers[#numbers + 1] = tonumber(part) end
  return {
    full_at = numbers[1] or 0, left = numbers[2] or 0, until_ = numbers[3] or 0, limit = numbers[4] or 0,
    wanted = { numbers[5] or 0, numbers[6] or 0, numbers[7] or 0 },
  }
end

local function write_bucket(key, name, bucket)
  local w = bucket.wanted
  local parts = { bucket.full_at, bucket.left, bucket.until_, bucket.limit, w[1], w[2], w[3] }
  for i, part in ipairs(parts) do parts[i] = exact(part) end
  redis.call('HSET', key, 'd:' .. name, table.concat(parts, ' '))
end

-- Returns the rate with the limit that the platform reported.
local function told(rate, limit)
  if limit > 0 then
    return { limit = limit, window = rate.window, burst = rate.burst * limit / rate.limit, at_reset = rate.at_reset }
  end
  return rate
end

local function interval(rate)
  if rate.at_reset then return rate.window / (rate.limit - rate.burst) end
  return rate.window / rate.limit
end

local function rate_from(limit, window, burst, at_reset)
  return {
    limit = tonumber(limit), window = tonumber(window), burst = tonumber(burst), at_reset = tonumber(at_reset) == 1,
  }
end
