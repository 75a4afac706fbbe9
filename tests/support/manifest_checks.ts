/** Checks for every manifest: the relevant checks of kube-linter, polaris, kube-score and checkov, and some of this project.
 * @module
 */
import type { IContainer } from "kubernetes-models/v1/Container";
import { field, type Manifest, nameOf, type Pod, podsOf, selects } from "./manifests.ts";

/** One check and its exceptions. */
export interface Check {
  /** Names of the check in the tools, if any. */
  readonly name: string;
  /** Findings as `Kind/name` or `Kind/name container`. */
  wrong(manifests: readonly Manifest[]): string[];
  /** Exceptions: the same names and the reason. */
  readonly excused?: Readonly<Record<string, string>>;
}

const JOBS = ["Job", "CronJob"];

function pods(wrong: (pod: Pod, manifests: readonly Manifest[]) => boolean): Check["wrong"] {
  return (manifests) =>
    podsOf(manifests).filter((pod) => wrong(pod, manifests)).map(({ owner }) => nameOf(owner));
}

function containers(wrong: (container: IContainer, pod: Pod) => boolean): Check["wrong"] {
  return (manifests) =>
    podsOf(manifests).flatMap((pod) =>
      pod.containers
        .filter((container) => wrong(container, pod))
        .map(({ name }) => `${nameOf(pod.owner)} ${name}`)
    );
}

/** Long-running containers: without jobs and init containers. */
function servers(wrong: (container: IContainer, pod: Pod) => boolean): Check["wrong"] {
  return containers((container, pod) =>
    !JOBS.includes(pod.owner.kind) && (pod.spec.containers ?? []).includes(container) &&
    wrong(container, pod)
  );
}

function objects(
  kinds: readonly string[],
  wrong: (manifest: Manifest, manifests: readonly Manifest[]) => boolean,
): Check["wrong"] {
  return (manifests) =>
    manifests.filter((one) => kinds.includes(one.kind) && wrong(one, manifests)).map(nameOf);
}

const of = (manifests: readonly Manifest[], kind: string) =>
  manifests.filter((one) => one.kind === kind);

const named = (manifests: readonly Manifest[], kind: string, name: unknown) =>
  of(manifests, kind).some(({ metadata }) => metadata.name === name);

const OWN_USERS = "the image's user owns its files";
const SCALED = "KEDA sets the number of replicas";

/** The table. */
export const CHECKS: readonly Check[] = [
  {
    name: "use-namespace",
    wrong: (manifests) =>
      manifests.filter(({ kind, metadata }) =>
        kind !== "Namespace" && metadata.namespace !== "celeriac"
      ).map(nameOf),
  },
  {
    name: "no Secret is in the repository",
    wrong: (manifests) => of(manifests, "Secret").map(nameOf),
  },
  {
    name: "a container waits for a missing Secret and reports it",
    wrong: pods(({ spec }) =>
      (spec.volumes ?? []).some(({ secret }) => secret && secret.optional !== true)
    ),
    excused: { "StatefulSet/postgres": "the image's entry point does not wait: the kubelet does" },
  },
  {
    name: "pod security restricted is enforced",
    wrong: objects(
      ["Namespace"],
      ({ metadata }) => metadata.labels?.["pod-security.kubernetes.io/enforce"] !== "restricted",
    ),
  },
  {
    name: "latest-tag, tagNotSpecified, CKV_K8S_14",
    wrong: containers(({ image = "" }) => !/:[\w.-]+$/.test(image) || image.endsWith(":latest")),
  },
  {
    name: "pull policy IfNotPresent: tags are never moved",
    wrong: containers(({ imagePullPolicy }) => imagePullPolicy !== "IfNotPresent"),
  },
  {
    name: "run-as-non-root, runAsRootAllowed, CKV_K8S_23",
    wrong: pods(({ spec }) =>
      spec.securityContext?.runAsNonRoot !== true || !((spec.securityContext.runAsUser ?? 0) > 0)
    ),
  },
  {
    name: "container-security-context-user-group-id, CKV_K8S_40: a high user id",
    wrong: pods(({ spec }) => (spec.securityContext?.runAsUser ?? 0) < 10_000),
    excused: {
      "Deployment/api": OWN_USERS,
      "Deployment/worker": OWN_USERS,
      "Deployment/beat": OWN_USERS,
      "CronJob/definitions": OWN_USERS,
      "StatefulSet/rabbitmq": OWN_USERS,
      "StatefulSet/postgres": OWN_USERS,
    },
  },
  {
    name: "container-seccomp-profile, CKV_K8S_31",
    wrong: pods(({ spec }) => spec.securityContext?.seccompProfile?.type !== "RuntimeDefault"),
  },
  {
    name: "no-read-only-root-fs, notReadOnlyRootFilesystem, CKV_K8S_22",
    wrong: containers(({ securityContext }) => securityContext?.readOnlyRootFilesystem !== true),
  },
  {
    name: "privilege-escalation-container, CKV_K8S_20",
    wrong: containers(({ securityContext }) => securityContext?.allowPrivilegeEscalation !== false),
  },
  {
    name: "privileged-container, CKV_K8S_16",
    wrong: containers(({ securityContext }) => securityContext?.privileged === true),
  },
  {
    name: "drop-net-raw-capability, dangerousCapabilities, CKV_K8S_28, CKV_K8S_37",
    wrong: containers(({ securityContext }) =>
      !securityContext?.capabilities?.drop?.includes("ALL") ||
      (securityContext.capabilities.add ?? []).length > 0
    ),
  },
  {
    name: "host-network, host-pid, host-ipc, hostPortSet",
    wrong: pods(({ spec, containers }) =>
      Boolean(spec.hostNetwork || spec.hostPID || spec.hostIPC) ||
      containers.some(({ ports = [] }) => ports.some(({ hostPort }) => hostPort !== undefined))
    ),
  },
  {
    name: "sensitive-host-mounts, docker-sock: restricted volumes only",
    wrong: pods(({ spec }) =>
      (spec.volumes ?? []).some((volume) =>
        !["secret", "configMap", "emptyDir"].includes(
          Object.keys(volume).filter((key) => key !== "name").join(),
        )
      )
    ),
  },
  {
    name: "an emptyDir has a limit",
    wrong: pods(({ spec }) =>
      (spec.volumes ?? []).some(({ emptyDir }) => emptyDir && emptyDir.sizeLimit === undefined)
    ),
  },
  {
    name: "default-service-account, non-existent-service-account",
    wrong: pods(({ spec }, manifests) =>
      !named(manifests, "ServiceAccount", spec.serviceAccountName)
    ),
  },
  {
    name: "each role has its own account",
    wrong: (manifests) => {
      const all = podsOf(manifests);
      return all.filter(({ spec }) =>
        all.filter((other) => other.spec.serviceAccountName === spec.serviceAccountName).length > 1
      ).map(({ owner }) => nameOf(owner));
    },
  },
  {
    name: "automountServiceAccountToken, CKV_K8S_38",
    wrong: (manifests) => [
      ...pods(({ spec }) => spec.automountServiceAccountToken !== false)(manifests),
      ...objects(["ServiceAccount"], (one) => one.automountServiceAccountToken !== false)(
        manifests,
      ),
    ],
  },
  {
    name: "enableServiceLinks is off: a Service injects variables by its name",
    wrong: pods(({ spec }) => spec.enableServiceLinks !== false),
  },
  {
    name: "access-to-secrets, wildcard-in-rules, cluster-admin-role-binding: no account has a role",
    wrong: (manifests) => manifests.filter(({ kind }) => kind.includes("Role")).map(nameOf),
  },
  {
    name: "env-var-secret, read-secret-from-env-var, CKV_K8S_35: secrets are files",
    wrong: containers(({ env = [], envFrom = [] }) =>
      envFrom.some(({ secretRef }) => secretRef !== undefined) ||
      env.some(({ name, value, valueFrom }) =>
        valueFrom?.secretKeyRef !== undefined ||
        (/PASS|SECRET|TOKEN|URL|COOKIE/.test(name) && !name.endsWith("_FILE") &&
          value !== undefined)
      )
    ),
  },
  {
    name: "duplicate-env-var",
    wrong: containers(({ env = [] }) => new Set(env.map(({ name }) => name)).size < env.length),
  },
  {
    name: "unset-cpu-requirements, CKV_K8S_10: a request; a limit would delay heartbeats",
    wrong: containers(({ resources }) =>
      resources?.requests?.cpu === undefined || resources.limits?.cpu !== undefined
    ),
  },
  {
    name: "unset-memory-requirements, CKV_K8S_12, CKV_K8S_13: request = limit",
    wrong: containers(({ resources }) =>
      resources?.limits?.memory === undefined ||
      resources.requests?.memory !== resources.limits.memory
    ),
  },
  {
    name: "container-ephemeral-storage-request-and-limit",
    wrong: containers(({ resources }) =>
      resources?.limits?.["ephemeral-storage"] === undefined ||
      resources.requests?.["ephemeral-storage"] === undefined
    ),
  },
  {
    name: "the last log line of a failed container is the reason",
    wrong: containers(({ terminationMessagePolicy }) =>
      terminationMessagePolicy !== "FallbackToLogsOnError"
    ),
  },
  {
    name: "no-readiness-probe, CKV_K8S_9",
    wrong: servers(({ readinessProbe }) => readinessProbe === undefined),
  },
  {
    name: "no-liveness-probe, CKV_K8S_8",
    wrong: servers(({ livenessProbe }) => livenessProbe === undefined),
    excused: {
      "StatefulSet/rabbitmq rabbitmq":
        "a broker that is slow, draining or in alarm must not be restarted",
    },
  },
  {
    name: "a startup probe allows for a slow machine",
    wrong: servers(({ startupProbe }) => startupProbe === undefined),
  },
  {
    name: "pod-probes-identical",
    wrong: servers(({ livenessProbe, readinessProbe }) =>
      JSON.stringify(livenessProbe) === JSON.stringify(readinessProbe)
    ),
  },
  {
    name: "a probe's timeout is 2 seconds or more",
    wrong: servers(({ livenessProbe, readinessProbe, startupProbe }) =>
      [livenessProbe, readinessProbe, startupProbe].some((probe) =>
        probe && (probe.timeoutSeconds ?? 1) < 2
      )
    ),
  },
  {
    name: "liveness-port, readiness-port: probes use existing ports",
    wrong: servers(({ ports = [], livenessProbe, readinessProbe, startupProbe }) =>
      [livenessProbe, readinessProbe, startupProbe].some((probe) => {
        const port = probe?.httpGet?.port ?? probe?.tcpSocket?.port;
        return port !== undefined && !ports.some(({ name }) => name === port);
      })
    ),
  },
  {
    name: "privileged-ports, ssh-port",
    wrong: containers(({ ports = [] }) => ports.some(({ containerPort }) => containerPort <= 1024)),
  },
  {
    name: "no-rolling-update-strategy, deployment-strategy",
    wrong: objects(
      ["Deployment"],
      (one) => field(one, "spec.strategy.type") !== "RollingUpdate",
    ),
  },
  {
    name: "deployment-replicas: more than one",
    wrong: objects(["Deployment"], (one) => !(Number(field(one, "spec.replicas")) > 1)),
    excused: {
      "Deployment/worker": SCALED,
      "Deployment/beat": "one replica is the leader; others would be idle",
    },
  },
  {
    name: "deployment-targeted-by-hpa-does-not-have-replicas-configured",
    wrong: objects(["Deployment"], (one, manifests) =>
      field(one, "spec.replicas") !== undefined &&
      manifests.some((other) =>
        ["ScaledObject", "HorizontalPodAutoscaler"].includes(other.kind) &&
        field(other, "spec.scaleTargetRef.name") === one.metadata.name
      )),
  },
  {
    name: "no-anti-affinity, host-podantiaffinity: spread over nodes and zones",
    wrong: pods(({ owner, spec, labels }) => {
      if (JOBS.includes(owner.kind) || field(owner, "spec.replicas") === 1) return false;
      const keys = (spec.topologySpreadConstraints ?? [])
        .filter(({ labelSelector }) => selects(labelSelector, labels))
        .map(({ topologyKey }) => topologyKey);
      return !["kubernetes.io/hostname", "topology.kubernetes.io/zone"].every((key) =>
        keys.includes(key)
      );
    }),
  },
  {
    name: "has-poddisruptionbudget",
    wrong: pods(({ owner, labels }, manifests) =>
      !JOBS.includes(owner.kind) &&
      !of(manifests, "PodDisruptionBudget").some((one) =>
        selects(field(one, "spec.selector"), labels)
      )
    ),
    excused: { "Deployment/beat": "one replica, restarted on another node" },
  },
  {
    name: "pdb-max-unavailable, pdb-unhealthy-pod-eviction-policy",
    wrong: objects(["PodDisruptionBudget"], (one) =>
      field(one, "spec.maxUnavailable") !== 1 ||
      field(one, "spec.unhealthyPodEvictionPolicy") !== "AlwaysAllow"),
  },
  {
    name: "mismatching-selector",
    wrong: objects(["Deployment", "StatefulSet"], (one) =>
      !selects(
        field(one, "spec.selector"),
        field(one, "spec.template.metadata.labels") as Record<string, string>,
      )),
  },
  {
    name: "a new app image restarts no server",
    wrong: objects(
      ["StatefulSet"],
      (one) =>
        Number(field(one, "spec.updateStrategy.rollingUpdate.partition") ?? 0) <
          Number(field(one, "spec.replicas") ?? 1),
    ),
  },
  {
    name: "statefulset-has-servicename: a headless Service of that name",
    wrong: objects(
      ["StatefulSet"],
      (one, manifests) =>
        !of(manifests, "Service").some((service) =>
          service.metadata.name === field(one, "spec.serviceName") &&
          field(service, "spec.clusterIP") === "None"
        ),
    ),
  },
  {
    name: "dangling-service, invalid-target-ports",
    wrong: objects(["Service"], (one, manifests) => {
      const selected = podsOf(manifests).filter(({ labels }) =>
        selects({ matchLabels: field(one, "spec.selector") }, labels)
      );
      const open = selected.flatMap(({ containers }) =>
        containers.flatMap(({ ports = [] }) => ports)
      );
      const ports = field(one, "spec.ports") as { targetPort?: string | number }[];
      return selected.length === 0 ||
        ports.some(({ targetPort }) =>
          !open.some(({ name, containerPort }) =>
            targetPort === name || targetPort === containerPort
          )
        );
    }),
  },
  {
    name: "exposed-services, service-type",
    wrong: objects(
      ["Service"],
      (one) => !["ClusterIP", undefined].includes(field(one, "spec.type") as string | undefined),
    ),
  },
  {
    name: "dangling-networkpolicy",
    wrong: objects(
      ["NetworkPolicy"],
      (one, manifests) =>
        !podsOf(manifests).some(({ labels }) => selects(field(one, "spec.podSelector"), labels)),
    ),
    excused: {
      "NetworkPolicy/api-client": "for other pods that submit tasks",
      "NetworkPolicy/event-client": "for other pods that publish or receive events",
    },
  },
  {
    name: "non-isolated-pod: all traffic is denied unless allowed",
    wrong: (manifests) =>
      of(manifests, "NetworkPolicy").some((one) =>
          Object.keys(field(one, "spec.podSelector") as object).length === 0 &&
          (field(one, "spec.policyTypes") as string[]).length === 2 &&
          field(one, "spec.ingress") === undefined && field(one, "spec.egress") === undefined
        )
        ? []
        : ["NetworkPolicy/default-deny"],
  },
  {
    name: "dangling-ingress",
    wrong: objects(["Ingress"], (one, manifests) => {
      const rules = field(one, "spec.rules") as { http: { paths: { backend: unknown }[] } }[];
      return rules.flatMap(({ http }) => http.paths).some(({ backend }) =>
        !named(manifests, "Service", field(backend, "service.name"))
      );
    }),
  },
  {
    name: "dangling-horizontalpodautoscaler",
    wrong: objects(
      ["ScaledObject", "HorizontalPodAutoscaler"],
      (one, manifests) => !named(manifests, "Deployment", field(one, "spec.scaleTargetRef.name")),
    ),
  },
  {
    name: "KEDA counts ready and unacked messages by HTTP",
    wrong: objects(
      ["ScaledObject"],
      (one) =>
        (field(one, "spec.triggers") as { type: string; metadata: Record<string, string> }[]).some((
          { type, metadata },
        ) =>
          type !== "rabbitmq" || metadata.protocol !== "http" ||
          metadata.excludeUnacknowledged !== "false"
        ),
    ),
  },
  {
    name: "job-ttl-seconds-after-finished, restart-policy",
    wrong: objects(
      ["CronJob"],
      (one) =>
        field(one, "spec.jobTemplate.spec.ttlSecondsAfterFinished") === undefined ||
        field(one, "spec.jobTemplate.spec.template.spec.restartPolicy") !== "Never",
    ),
  },
  {
    name: "cronjob-has-deadline",
    wrong: objects(["CronJob"], (one) =>
      field(one, "spec.startingDeadlineSeconds") === undefined ||
      field(one, "spec.concurrencyPolicy") !== "Forbid"),
  },
  {
    name: "every ConfigMap that a pod names exists",
    wrong: pods(({ spec, containers }, manifests) =>
      [
        ...(spec.volumes ?? []).flatMap(({ configMap }) => configMap?.name ?? []),
        ...containers.flatMap(({ envFrom = [] }) =>
          envFrom.flatMap(({ configMapRef }) => configMapRef?.name ?? [])
        ),
      ].some((name) => !named(manifests, "ConfigMap", name))
    ),
  },
];
