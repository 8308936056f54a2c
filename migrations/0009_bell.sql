-- Rings the bell at commit, if anybody hears it: every follower holds lock 3 of our class,
-- shared, as long as it listens, and waits for it until it has it. (So far one of them held
-- lock 2, and when it went away nobody rang until another had noticed; and it could not be had
-- while writers tested it.) Two writers that test it at once where nobody listens may ring in
-- vain.
--
-- A transaction that has notified can't be prepared, so where that may happen the bell is silent
-- and followers look by themselves.

SELECT rowcast.set_busy(true);

CREATE OR REPLACE FUNCTION rowcast.ring() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF pg_catalog.pg_try_advisory_lock(1919907683, 3)
       AND pg_catalog.pg_advisory_unlock(1919907683, 3) THEN
        RETURN;
    END IF;
    IF pg_catalog.current_setting('max_prepared_transactions') OPERATOR(pg_catalog.=) '0' THEN
        PERFORM pg_catalog.pg_notify('rowcast', '');
    END IF;
END $$;

SELECT rowcast.set_busy(false);
