-- Times are milliseconds since the epoch. Digests are the 32 bytes of a SHA-256.

CREATE TABLE access_tokens (
    id         TEXT    NOT NULL PRIMARY KEY,
    name       TEXT    NOT NULL,
    digest     BLOB    NOT NULL,
    bases      TEXT    NOT NULL,          -- a JSON array; an empty one binds to no base
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER
) STRICT;

CREATE TABLE attachments (
    name         TEXT    NOT NULL PRIMARY KEY,
    upload_type  INTEGER NOT NULL,
    token_digest BLOB    NOT NULL UNIQUE,
    media_type   TEXT    NOT NULL,
    size         INTEGER NOT NULL,
    width        INTEGER,
    height       INTEGER,
    file_name    TEXT,
    base         TEXT,
    label        TEXT,
    created_by   TEXT    NOT NULL,
    created_at   INTEGER NOT NULL
) STRICT;
