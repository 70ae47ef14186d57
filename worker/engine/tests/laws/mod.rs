//! Invented histories, and what must hold after any of them.
