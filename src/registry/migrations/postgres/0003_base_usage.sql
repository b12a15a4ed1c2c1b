-- Bytes and files of each base, so that a quota is checked without adding up all of its rows.
--
-- Triggers keep the totals: an older node that shares the database, or an operator who deletes a
-- row, cannot make them wrong. Every trigger changes `settled` before `base_usage`, so that two
-- transactions never wait for each other.
--
-- `settled` comes first: to change it waits for everyone who reads it, and nothing else is locked
-- meanwhile. A pinned upload reserves the usage of its base until its attachment is added. `base` is
-- NULL where nothing is reserved.
ALTER TABLE settled ADD COLUMN base TEXT, ADD COLUMN size BIGINT NOT NULL DEFAULT 0;

-- The total of a base is the sum of its slots. Each connection has a slot of its own, as far as there
-- are enough, so that transactions that add files to one base do not wait for each other's commit.
CREATE TABLE base_usage (
    base  TEXT COLLATE "C" NOT NULL,
    slot  INTEGER          NOT NULL,
    bytes BIGINT           NOT NULL,
    files BIGINT           NOT NULL,
    PRIMARY KEY (base, slot)
);

CREATE FUNCTION add_base_usage(of_base TEXT, more_bytes BIGINT, more_files BIGINT) RETURNS VOID
LANGUAGE sql AS $$
    INSERT INTO base_usage AS total (base, slot, bytes, files)
    VALUES (of_base, pg_backend_pid() % 32, more_bytes, more_files)
    ON CONFLICT (base, slot) DO UPDATE
    SET bytes = total.bytes + excluded.bytes, files = total.files + excluded.files
$$;

CREATE FUNCTION reserve_base_usage() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    PERFORM add_base_usage(NEW.base, NEW.size, 1);
    RETURN NULL;
END
$$;

CREATE FUNCTION subtract_base_usage() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    PERFORM add_base_usage(OLD.base, -OLD.size, -1);
    RETURN NULL;
END
$$;

-- The attachment takes over what its upload reserved.
CREATE FUNCTION add_attachment_usage() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    UPDATE settled SET base = NULL WHERE name = NEW.name AND base IS NOT NULL;
    IF NEW.base IS NOT NULL THEN
        PERFORM add_base_usage(NEW.base, NEW.size, 1);
    END IF;
    RETURN NULL;
END
$$;

-- Nothing is added under a condemned name any more. All rows of `settled` are changed before the
-- totals are.
CREATE FUNCTION release_condemned() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    UPDATE settled SET base = NULL FROM changed
    WHERE settled.name = changed.name AND settled.base IS NOT NULL;
    RETURN NULL;
END
$$;

CREATE TRIGGER settled_reserves AFTER INSERT ON settled
FOR EACH ROW WHEN (NEW.base IS NOT NULL) EXECUTE FUNCTION reserve_base_usage();

CREATE TRIGGER settled_reserves_later AFTER UPDATE OF base ON settled
FOR EACH ROW WHEN (OLD.base IS NULL AND NEW.base IS NOT NULL) EXECUTE FUNCTION reserve_base_usage();

CREATE TRIGGER settled_releases AFTER UPDATE OF base ON settled
FOR EACH ROW WHEN (OLD.base IS NOT NULL AND NEW.base IS NULL) EXECUTE FUNCTION subtract_base_usage();

CREATE TRIGGER settled_releases_deleted AFTER DELETE ON settled
FOR EACH ROW WHEN (OLD.base IS NOT NULL) EXECUTE FUNCTION subtract_base_usage();

CREATE TRIGGER attachments_add_usage AFTER INSERT ON attachments
FOR EACH ROW EXECUTE FUNCTION add_attachment_usage();

CREATE TRIGGER attachments_subtract_usage AFTER DELETE ON attachments
FOR EACH ROW WHEN (OLD.base IS NOT NULL) EXECUTE FUNCTION subtract_base_usage();

CREATE TRIGGER condemned_releases AFTER INSERT ON condemned
REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION release_condemned();

CREATE TRIGGER condemned_releases_again AFTER UPDATE ON condemned
REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION release_condemned();

-- The triggers above hold back writers until this transaction ends, so no row is missed.
INSERT INTO base_usage (base, slot, bytes, files)
SELECT base, 0, CAST(SUM(size) AS BIGINT), COUNT(*) FROM attachments WHERE base IS NOT NULL GROUP BY base;
