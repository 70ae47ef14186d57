-- Reads the state of a subject. KEYS 1 the state; ARGV 1 the time, or '' for the server's.
-- Result: the time and the hash.
return { exact(clock(ARGV[1])), redis.call('HGETALL', KEYS[1]) }
