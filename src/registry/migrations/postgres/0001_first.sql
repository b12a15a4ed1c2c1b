-- Times are milliseconds since the epoch. Digests are the 32 bytes of a SHA-256. Names and ids are compared byte by byte, whatever
-- the database's own order is.

CREATE TABLE access_tokens (
    id         TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    name       TEXT             NOT NULL,
    digest     BYTEA            NOT NULL,
    bases      TEXT             NOT NULL,  -- a JSON array; an empty one binds to no base
    created_at BIGINT           NOT NULL,
    expires_at BIGINT,
    revoked_at BIGINT
);

CREATE TABLE attachments (
    name         TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    upload_type  BIGINT           NOT NULL,
    token_digest BYTEA            NOT NULL UNIQUE,
    media_type   TEXT             NOT NULL,
    size         BIGINT           NOT NULL,
    width        BIGINT,
    height       BIGINT,
    file_name    TEXT,
    base         TEXT,
    label        TEXT,
    created_by   TEXT             NOT NULL,
    created_at   BIGINT           NOT NULL
);

-- The names of a type are gone through in order.
CREATE INDEX attachments_by_type ON attachments (upload_type, name);

-- The names under which nothing can be kept any more, for their objects are being deleted.
CREATE TABLE condemned (
    name         TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    condemned_at BIGINT           NOT NULL
);

-- Of names whose objects are copied from where clients put them: the version that may be copied.
CREATE TABLE settled (
    name    TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    version TEXT             NOT NULL
);

-- One row: whose files this registry knows, and when they were last cleaned up.
CREATE TABLE deployment (
    the_only     BIGINT NOT NULL PRIMARY KEY CHECK (the_only = 1),
    id           TEXT NOT NULL,
    collected_at BIGINT NOT NULL
);
