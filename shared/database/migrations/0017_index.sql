-- Indexes of lists without the id as a key column.
--
-- With it, Postgres may look up one id by them, in a scan of the whole index. It does so for a partition that its statistics call
-- empty: VACUUM at night over the partition of the next day is enough.
drop index celeriac.task_created;
create index task_created on celeriac.task (created_at) include (id);

drop index celeriac.task_unsuccessful;
create index task_unsuccessful on celeriac.task (created_at) include (id) where state <> 'SUCCESS';
