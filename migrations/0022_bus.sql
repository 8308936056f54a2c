-- Servers that share one reader of the log know by a signature that what it says is from one of them.

ALTER TABLE rowcast.state
    -- 256 random bits, known to those alone who may read this table.
    ADD COLUMN bus_secret bytea NOT NULL DEFAULT sha256(
        uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()))
        CHECK (octet_length(bus_secret) >= 32);
