-- Permissions of the existing roles (created by infra/database-roles.sql). Applied after each migration.
do $$
begin
  revoke all on schema celeriac from public;
  revoke execute on all functions in schema celeriac from public;

  if to_regrole('celeriac_api') is not null then
    revoke all on all tables in schema celeriac from celeriac_api;
    grant usage on schema celeriac to celeriac_api;
    grant select on celeriac.migration, celeriac.task to celeriac_api;
    grant select, insert, delete, update (due_at, offer, holder, attempts, last_error) on celeriac.outbox to celeriac_api;
    grant select, insert, update (published) on celeriac.idempotency to celeriac_api;
    grant select, insert, delete, update (paused, updated_at, problem, after_at, next_at) on celeriac.schedule to celeriac_api;
    grant select on celeriac.lease to celeriac_api;
    grant select, insert, update on celeriac.route to celeriac_api;
    grant select, insert on celeriac.workflow to celeriac_api;
    -- The API records undeliverable messages as failed and continues their workflows.
    grant select, insert, update on celeriac.chord, celeriac.chord_member to celeriac_api;
    -- Dead letters are never updated, but locking a row requires the permission.
    grant select, insert, delete, update (id) on celeriac.dead_letter to celeriac_api;
    grant select (task_id), delete on celeriac.crash to celeriac_api;
    -- Events are recorded by the dispatcher only.
    grant select on celeriac.event to celeriac_api;
    grant select, insert, delete on celeriac.subscription to celeriac_api;
    grant update (patterns, attributes, match, deliver, updated_at) on celeriac.subscription to celeriac_api;
    grant select, insert, delete on celeriac.replay to celeriac_api;
    grant select, insert, update on celeriac.pause to celeriac_api;
    grant select, insert, delete, update (position, done, refused, refusals, next_at, ended_at, stopped)
      on celeriac.bulk_job to celeriac_api;
    -- A key's secret, scopes and patterns never change; rows are never deleted.
    grant select, insert, update (expires_at, rotated_at, successor, revoked_at, revoked_by, last_used_at)
      on celeriac.access_key to celeriac_api;
    -- The audit log is append-only.
    grant select on celeriac.audit, celeriac.audit_outcome to celeriac_api;
    grant insert (request_id, caller, caller_name, action, method, path, target, filter, count, status, address)
      on celeriac.audit to celeriac_api;
    grant insert (audit_id, status, count) on celeriac.audit_outcome to celeriac_api;
    grant execute on function
      celeriac.submitted(json), -- inserts PENDING only
      celeriac.unrecorded(text[]),
      celeriac.expire_canvas(interval, integer, interval),
      celeriac.tasks(text[]),
      celeriac.readable(text),
      celeriac.shown(text),
      celeriac.kept(text),
      celeriac.revoke(text, json),
      celeriac.hasten(text[]),
      celeriac.reopen(json),
      celeriac.fail(json),
      celeriac.count_member(text, text),
      celeriac.make_partitions(integer),
      celeriac.events(text[]),
      celeriac.lock_events(),
      celeriac.pause_subscription(text),
      celeriac.resume_subscription(text, text, float8),
      celeriac.position_before(timestamptz),
      celeriac.expire_events(interval, integer),
      celeriac.expire(interval, integer, interval, text),
      celeriac.expire_keys(interval, integer),
      celeriac.expire_audit(interval, integer),
      celeriac.release_parked(integer),
      celeriac.read_series(timestamptz, timestamptz, interval, text, text, integer, integer, boolean, boolean),
      celeriac.expire_series(interval, integer),
      celeriac.recent_queues(integer),
      celeriac.add_queue_depths(json),
      celeriac.read_queue_depths(timestamptz, timestamptz, interval, text, integer),
      celeriac.expire_queue_depths(interval, integer)
      to celeriac_api;
  end if;

  if to_regrole('celeriac_beat') is not null then
    revoke all on all tables in schema celeriac from celeriac_beat;
    grant usage on schema celeriac to celeriac_beat;
    grant select on celeriac.migration, celeriac.task to celeriac_beat;
    grant select, insert, delete, update (due_at, offer, holder, attempts, last_error) on celeriac.outbox to celeriac_beat;
    grant select, insert, update, delete on celeriac.schedule to celeriac_beat;
    grant select, insert, update on celeriac.lease to celeriac_beat;
    -- Its relay records unsendable messages as failed.
    grant insert on celeriac.dead_letter to celeriac_beat;
    -- The dispatcher of events.
    grant select on celeriac.event, celeriac.subscription, celeriac.replay to celeriac_beat;
    grant update (position, sent, next_at, ended_at, failures, error, failed_at) on celeriac.replay to celeriac_beat;
    grant select, insert, update on celeriac.chord, celeriac.chord_member to celeriac_beat;
    grant execute on function
      celeriac.record_events(json),
      celeriac.lock_events(),
      celeriac.events(text[]),
      celeriac.add_event_tasks(text, json),
      celeriac.unrecorded(text[]),
      celeriac.submitted(json),
      celeriac.fail(json),
      celeriac.tasks(text[]),
      celeriac.count_member(text, text),
      celeriac.readable(text),
      celeriac.shown(text),
      celeriac.kept(text)
      to celeriac_beat;
  end if;

  if to_regrole('celeriac_worker') is not null then
    revoke all on all tables in schema celeriac from celeriac_worker;
    grant usage on schema celeriac to celeriac_worker;
    grant select on celeriac.migration, celeriac.pause to celeriac_worker;
    grant select, insert, update on celeriac.task to celeriac_worker;
    grant insert on celeriac.outbox to celeriac_worker;
    grant select, insert, update on celeriac.chord, celeriac.chord_member to celeriac_worker;
    grant select, insert, update, delete on celeriac.crash, celeriac.worker, celeriac.holder to celeriac_worker;
    grant execute on function
      celeriac.renew_worker(text, float8),
      celeriac.hold(text, text[], integer[]),
      celeriac.claim(text, text[], integer[]),
      celeriac.claim(text, text[], integer[], text[], text),
      celeriac.append_attempts(json, json, integer),
      celeriac.tasks(text[]),
      celeriac.revoke(text, json),
      celeriac.hasten(text[]),
      celeriac.find_stamped(json, bigint, integer),
      celeriac.count_member(text, text),
      celeriac.readable(text),
      celeriac.shown(text),
      celeriac.kept(text),
      celeriac.lease_messages(json, text, double precision),
      celeriac.renew_messages(json, double precision),
      celeriac.return_messages(json),
      celeriac.end_messages(json),
      celeriac.park_messages(json),
      celeriac.add_series(json),
      celeriac.publish(text, json, text, text, text, timestamptz, json),
      celeriac.submit(text, json, json, text, text, timestamptz, timestamptz)
      to celeriac_worker;
  end if;

  if to_regrole('celeriac_submit') is not null then
    revoke all on all tables in schema celeriac from celeriac_submit;
    grant usage on schema celeriac to celeriac_submit;
    grant execute on function
      celeriac.publish(text, json, text, text, text, timestamptz, json),
      celeriac.submit(text, json, json, text, text, timestamptz, timestamptz)
      to celeriac_submit;
  end if;
end
$$;
