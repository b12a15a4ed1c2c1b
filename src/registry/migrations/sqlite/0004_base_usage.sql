-- Bytes and files of each base, so that a quota is checked without adding up all of its rows.
--
-- Triggers keep the totals: an older node that shares the file, or an operator who deletes a row,
-- cannot make them wrong.
CREATE TABLE base_usage (
    base  TEXT    NOT NULL PRIMARY KEY,
    bytes INTEGER NOT NULL,
    files INTEGER NOT NULL
) STRICT;

INSERT INTO base_usage (base, bytes, files)
SELECT base, SUM(size), COUNT(*) FROM attachments WHERE base IS NOT NULL GROUP BY base;

-- A pinned upload reserves the usage of its base until its attachment is added. `base` is NULL
-- where nothing is reserved.
ALTER TABLE settled ADD COLUMN base TEXT;
ALTER TABLE settled ADD COLUMN size INTEGER NOT NULL DEFAULT 0;

CREATE TRIGGER settled_reserves AFTER INSERT ON settled WHEN NEW.base IS NOT NULL
BEGIN
    INSERT INTO base_usage (base, bytes, files) VALUES (NEW.base, NEW.size, 1)
    ON CONFLICT (base) DO UPDATE SET bytes = bytes + excluded.bytes, files = files + 1;
END;

CREATE TRIGGER settled_reserves_later AFTER UPDATE OF base ON settled
WHEN OLD.base IS NULL AND NEW.base IS NOT NULL
BEGIN
    INSERT INTO base_usage (base, bytes, files) VALUES (NEW.base, NEW.size, 1)
    ON CONFLICT (base) DO UPDATE SET bytes = bytes + excluded.bytes, files = files + 1;
END;

CREATE TRIGGER settled_releases AFTER UPDATE OF base ON settled
WHEN OLD.base IS NOT NULL AND NEW.base IS NULL
BEGIN
    UPDATE base_usage SET bytes = bytes - OLD.size, files = files - 1 WHERE base = OLD.base;
END;

CREATE TRIGGER settled_releases_deleted AFTER DELETE ON settled WHEN OLD.base IS NOT NULL
BEGIN
    UPDATE base_usage SET bytes = bytes - OLD.size, files = files - 1 WHERE base = OLD.base;
END;

-- The attachment takes over what its upload reserved.
CREATE TRIGGER attachments_add_usage AFTER INSERT ON attachments
BEGIN
    UPDATE settled SET base = NULL WHERE name = NEW.name AND base IS NOT NULL;
    INSERT INTO base_usage (base, bytes, files) SELECT NEW.base, NEW.size, 1 WHERE NEW.base IS NOT NULL
    ON CONFLICT (base) DO UPDATE SET bytes = bytes + excluded.bytes, files = files + 1;
END;

CREATE TRIGGER attachments_subtract_usage AFTER DELETE ON attachments WHEN OLD.base IS NOT NULL
BEGIN
    UPDATE base_usage SET bytes = bytes - OLD.size, files = files - 1 WHERE base = OLD.base;
END;

-- Nothing is added under a condemned name any more.
CREATE TRIGGER condemned_releases AFTER INSERT ON condemned
BEGIN
    UPDATE settled SET base = NULL WHERE name = NEW.name AND base IS NOT NULL;
END;

CREATE TRIGGER condemned_releases_again AFTER UPDATE ON condemned
BEGIN
    UPDATE settled SET base = NULL WHERE name = NEW.name AND base IS NOT NULL;
END;
