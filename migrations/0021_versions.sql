-- Servers of two versions run side by side while one is taking the other's place.

ALTER TABLE rowcast.state
    -- The version of the schema that the oldest program knows which works with this one.
    ADD COLUMN works_from int4 NOT NULL DEFAULT 0;
