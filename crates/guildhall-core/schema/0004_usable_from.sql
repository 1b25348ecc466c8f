-- Who may use a database that is newer than it is: the newest step that a program must know. NULL means the step of the row.

ALTER TABLE schema_migrations ADD COLUMN usable_from BIGINT;
