-- The names under which nothing can be kept any more, for their objects are being deleted.
CREATE TABLE condemned (
    name         TEXT    NOT NULL PRIMARY KEY,
    condemned_at INTEGER NOT NULL
) STRICT;

-- The names of a type are gone through in order.
CREATE INDEX attachments_by_type ON attachments (upload_type, name);
