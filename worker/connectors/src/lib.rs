//! What each platform speaks on the wire: files and SQL tables so far.
