//! What integration tests share: databases, processes, data.
