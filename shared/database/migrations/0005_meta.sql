-- What is worth knowing of a run beside its outcome: violations of its sandbox, the time that it held the event loop.
alter table celeriac.task add column meta json;
