-- The names under which nothing can be kept any more, for their objects are being deleted.
CREATE TABLE condemned (
    name         TEXT    NOT NULL PRIMARY KEY,
    condemned_at INTEGER NOT NULL
) STRICT;

-- The names of a type are gone through in order.
CREATE INDEX attachments_by_type ON attachments (upload_type, name);

-- Of names whose objects are copied from where clients put them: the version that may be copied.
CREATE TABLE settled (
    name    TEXT NOT NULL PRIMARY KEY,
    version TEXT NOT NULL
) STRICT;

-- One row: whose files this registry knows, and when they were last cleaned up.
CREATE TABLE deployment (
    the_only     INTEGER NOT NULL PRIMARY KEY CHECK (the_only = 1),
    id           TEXT NOT NULL,
    collected_at INTEGER NOT NULL
) STRICT;
