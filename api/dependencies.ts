/** Dependencies and settings of the API. */
import type { Clock } from "../shared/runtime/clock.ts";
import type { Hono } from "hono";
import type { Broker } from "../shared/broker/broker.ts";
import type { DeadLetters } from "../shared/dead_letters/store.ts";
import type { Metrics } from "../shared/telemetry/metrics.ts";
import type { Outbox } from "../shared/outbox/outbox.ts";
import type { Publisher } from "../shared/outbox/publisher.ts";
import type { Registry } from "../shared/contracts/registry.ts";
import type { Idempotency } from "../shared/results/idempotency.ts";
import type { SubmissionWriter } from "../shared/results/submissions.ts";
import type { ResultStore } from "../shared/results/store.ts";
import type { TaskRouter } from "../shared/outbox/task_router.ts";
import type { WorkflowListing } from "../shared/workflows/listing.ts";
import type { Workflows } from "../shared/workflows/store.ts";
import type { AuditLog } from "./access/audit_log.ts";
import type { JwtVerifier } from "./access/jwt.ts";
import type { KeySnapshot } from "./access/key_snapshot.ts";
import type { KeyStore } from "./access/key_store.ts";
import type { AuditCounter } from "./access/audit_counter.ts";
import type { PageSettings } from "./page/view/settings.ts";
import type { EventHub } from "./reading/event_hub.ts";
import type { BulkParts } from "./actions/bulk_actions.ts";
import type { PausesParts } from "./actions/pause_actions.ts";
import type { PublishEventsParts } from "./routes/publish_events.ts";
import type { EventStore } from "../shared/events/event_store.ts";
import type { Schedules } from "./actions/schedule_actions.ts";
import type { FailedTasks } from "./retrying/failed_tasks.ts";
import type { SeriesParts } from "./routes/series.ts";
import type { SubscriptionsParts } from "./routes/subscriptions.ts";

/** Settings of the API. */
export interface ApiSettings {
  /** Queues of other systems that requests may use. */
  readonly foreignQueues: readonly string[];
  /** Maximum cached final results; 0 disables the cache. */
  readonly resultCache: number;
  /** The operator's bearer token, with all rights. Without it and without JWTs there is no authentication. */
  readonly token?: string;
  /** Host names of this API, in addition to loopback names. */
  readonly hosts?: readonly string[];
  /** Origins of web pages that may call this API. Default none. */
  readonly origins?: readonly string[];
  /** Whether requests for other hosts are rejected. */
  readonly onlyHosts?: boolean;
  /** Maximum wait in seconds. */
  readonly maxWait: number;
  /** Maximum lines of a batch. */
  readonly batchLimit: number;
  /** Whether events whose type has no contract are accepted. Default `false`. */
  readonly eventsOpen?: boolean;
  /** Settings of the web page. Default: none. */
  readonly page?: PageSettings;
  /** Version shown in the OpenAPI document. */
  readonly version: string;
}

/** Access control. */
export interface AccessDependencies {
  readonly keys: Pick<KeyStore, "create" | "list" | "find" | "rotate" | "revoke">;
  /** Valid keys in memory. */
  readonly snapshot: Pick<KeySnapshot, "find" | "use" | "refresh">;
  /** Verifies JWTs; absent: none are accepted. */
  readonly jwt?: Pick<JwtVerifier, "verify">;
  readonly audit: Pick<AuditLog, "begin" | "end" | "list">;
  readonly counter: Pick<AuditCounter, "add" | "refuse">;
}
/** Reads of recorded events. */
export type EventReads = Pick<EventStore, "find" | "before" | "after" | "lastPosition">;

/** Everything {@linkcode createApp} needs; nothing is read from the environment. */
export interface ApiDependencies {
  readonly registry: Registry;
  readonly publisher: Pick<Publisher, "submit">;
  readonly broker: Pick<Broker, "publish" | "listen" | "measure" | "status">;
  readonly store: Pick<ResultStore, "find" | "list" | "revoke" | "states" | "summaries">;
  /** Writes PENDING records in the background: best effort. */
  readonly submissions: Pick<SubmissionWriter, "write" | "hold" | "find" | "settled">;
  readonly idempotency: Pick<Idempotency, "begin" | "published">;
  readonly schedules: Schedules;
  readonly deadLetters: Pick<DeadLetters, "list" | "find" | "count" | "redrive" | "purge">;
  readonly failedTasks: Pick<FailedTasks, "send">;
  readonly events: PublishEventsParts & { readonly store: EventReads };
  readonly subscriptions: SubscriptionsParts;
  readonly bulk: BulkParts;
  readonly pauses: PausesParts;
  readonly series: SeriesParts;
  readonly workflows: Pick<Workflows, "start" | "find" | "memberOf" | "workflowOf">;
  readonly workflowListing: Pick<WorkflowListing, "list">;
  readonly outbox: Pick<Outbox, "find">;
  /** Finds the queue of tasks that name none. */
  readonly routes: TaskRouter;
  readonly access: AccessDependencies;
  readonly hub: EventHub;
  readonly clock: Clock;
  /** Routes of liveness, readiness and metrics. */
  readonly health: Hono;
  readonly settings: ApiSettings;
  readonly metrics: Metrics;
}
