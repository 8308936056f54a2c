-- Somebody may be in a cell without editing it.
SELECT rowcast.set_busy(true);

-- Whether whoever is in the cell is editing it.
ALTER TABLE rowcast.presence ADD COLUMN is_editing boolean NOT NULL DEFAULT false;

-- Those who follow the table get its new columns.
SELECT rowcast.refresh(ARRAY['rowcast.presence'::regclass::oid]);
SELECT rowcast.set_busy(false);
