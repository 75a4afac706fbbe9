-- Lists by name, queue or worker without reading the rows of others.
--
-- Numbers are compared and stored in place of texts: a hash of the text. The time is an expression, so that only these indexes have the
-- order of such a list: else the planner may read all rows in the order of created_at to find a rare name.
create index task_name on celeriac.task (hashtext(name), (created_at at time zone 'UTC'));
create index task_queue on celeriac.task (hashtext(queue), (created_at at time zone 'UTC'));
create index task_worker on celeriac.task (hashtext(worker), (created_at at time zone 'UTC'));

-- Lists by a state other than SUCCESS read only rows of that state.
drop index celeriac.task_unsuccessful;
create index task_unsuccessful on celeriac.task (state, created_at) include (id) where state <> 'SUCCESS';
