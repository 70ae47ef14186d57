-- The table of csv_to_sqlite.yaml: sqlite3 tasks.db < tasks.sql
CREATE TABLE tasks (
    id TEXT PRIMARY KEY,
    title TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'closed')),
    assignee TEXT,
    points REAL,
    due_on DATE,
    is_blocked BOOLEAN,
    updated_at TEXT,         -- Syncline writes it with each of its writes; whoever else writes should, too
    sync_marker TEXT UNIQUE  -- by which Syncline finds its own rows again after a crash
);
