/** Accepted findings of kube-score and checkov.
 * @module
 */

/** A finding of one tool for one object of one overlay. */
export interface Finding {
  /** Name of the check in the tool. */
  readonly check: string;
  /** `Kind/name`. */
  readonly object: string;
}

/** An accepted finding and its reason. */
export interface Exception {
  /** Name of the check in one or both tools. */
  readonly checks: readonly string[];
  /** Excluded objects, as `Kind/name`. */
  readonly objects: RegExp;
  readonly reason: string;
}

const PODS = /^(Deployment|StatefulSet|CronJob)\//;

/** All exceptions. */
export const EXCEPTIONS: readonly Exception[] = [
  {
    checks: ["container-image-pull-policy", "CKV_K8S_15"],
    objects: PODS,
    reason:
      "a tag is never moved; Always needs the registry for each restart, and breaks a kind cluster",
  },
  {
    checks: ["container-security-context-user-group-id", "CKV_K8S_40"],
    objects: PODS,
    reason: "the image's own user (1993, 999) owns the image's files and the volumes",
  },
  {
    checks: ["CKV_K8S_11"],
    objects: PODS,
    reason: "a CPU limit throttles, which delays heartbeats and probes; requests share fairly",
  },
  {
    checks: ["CKV_K8S_43"],
    objects: PODS,
    reason:
      "a digest belongs to the image that somebody pushed: an overlay of one's own sets it under `images`",
  },
  {
    checks: ["pod-probes", "CKV_K8S_8"],
    objects: /^StatefulSet\/rabbitmq$/,
    reason: "a broker that is slow, drains or has an alarm must not be restarted",
  },
  {
    checks: ["deployment-has-host-podantiaffinity", "statefulset-has-host-podantiaffinity"],
    objects: /^(Deployment|StatefulSet)\//,
    reason:
      "topologySpreadConstraints spread over nodes and zones; the tool knows only the older way",
  },
  {
    checks: ["networkpolicy-targets-pod"],
    objects: /^NetworkPolicy\/(api|event)-client$/,
    reason: "for the pods of others that submit tasks, or publish and receive events",
  },
];

/** Finds the exception for a finding. */
export function exceptionFor({ check, object }: Finding): Exception | undefined {
  return EXCEPTIONS.find(({ checks, objects }) => checks.includes(check) && objects.test(object));
}
