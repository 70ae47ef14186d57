//! What titles are made of. Some have commas and quotes, which files must quote.

pub(super) const VERBS: [&str; 10] = [
    "Fix",
    "Speed up",
    "Document",
    "Rewrite",
    "Test",
    "Review",
    "Remove",
    "Translate",
    "Monitor",
    "Simplify",
];
pub(super) const THINGS: [&str; 12] = [
    "the login form",
    "invoice export",
    "the search index",
    "password reset mails",
    "the import of \"legacy\" orders",
    "rate limits",
    "the nightly backup",
    "cart totals, taxes included",
    "the mobile menu",
    "session handling",
    "the audit report",
    "webhook retries",
];
