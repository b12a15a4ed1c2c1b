-- What a base has is added up without a look at the rows.
CREATE INDEX attachments_by_base ON attachments (base, size);
