-- All that is known of a subject. KEYS 1 the state; ARGV 1 the time, or '' for the server's.
-- Gives the time and the hash.
return { exact(clock(ARGV[1])), redis.call('HGETALL', KEYS[1]) }
