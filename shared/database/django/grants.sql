-- Permissions of Celeriac's existing roles on Django's tables, if the current user may grant them.
do $$
declare
  role text;
  relation regclass;
  generator text;
begin
  foreach role in array array['celeriac_api', 'celeriac_beat', 'celeriac_worker'] loop
    continue when to_regrole(role) is null;
    for relation in
      select oid from pg_class
      where oid in (
        to_regclass('django_celery_results_taskresult'),
        to_regclass('django_celery_results_chordcounter'),
        to_regclass('django_celery_results_groupresult')
      ) and pg_has_role(relowner, 'usage')
    loop
      execute format('grant select, insert, update, delete on %s to %I', relation, role);
      -- Before Django 4.1 ids come from a sequence, on which an insert needs permission.
      generator := pg_get_serial_sequence(relation::text, 'id');
      if generator is not null then
        execute format('grant usage on sequence %s to %I', generator, role);
      end if;
    end loop;
  end loop;
end
$$;
