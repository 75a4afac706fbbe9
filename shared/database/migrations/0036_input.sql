-- The input of a task, as its contract says: `{args, kwargs, redacted}` or `{omitted, bytes}`. Null if none is kept.
--
-- Only the settlement of a final state writes it. json, not jsonb: integers of any size and \u0000 stay.
alter table celeriac.task add column input json;
