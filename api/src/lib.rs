//! The HTTP API: checks, one query or one enqueue, shapes the answer.
