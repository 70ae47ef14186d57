//! Runs sync jobs: handlers, the engine's store over SQL, the worker pool.
