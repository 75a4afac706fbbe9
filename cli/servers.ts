/** Connects to broker and database, from settings. */
import { AmqpBroker } from "../shared/broker/amqp/broker.ts";
import { PostgresDatabase } from "../shared/database/postgres.ts";
import type { Config } from "../shared/config/settings.ts";
import { libpqVariable } from "./permissions/libpq_variable.ts";

/** Milliseconds without a confirm after which messages go to the outbox: a caller waits at most 2 s even if the database is down, too. */
const SILENCE_MS = 1000;

/** The broker of a role.
 *
 * @param name shown in RabbitMQ's management pages */
export function brokerOf(config: Config, name: string): AmqpBroker {
  return new AmqpBroker({
    url: config.amqpUrl,
    name,
    confirmTimeoutMs: config.confirmTimeout * 1000,
    silenceMs: SILENCE_MS,
  });
}

/** The database of a role.
 *
 * @param name shown in `pg_stat_activity` */
export function databaseOf(config: Config, name: string): PostgresDatabase {
  const { databaseUrl: url, databasePool: max } = config;
  return new PostgresDatabase({ url, name, max, env: libpqVariable });
}
