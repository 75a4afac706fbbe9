/** The alert rules and the dashboard, as data. */
import { parse } from "yaml";
import { checkout } from "./roles.ts";

/** Path of the alert rules. */
export const RULES = `${checkout}infra/prometheus/rules.yaml`;

/** An alert rule. */
export interface AlertRule {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly description: string };
}

/** A panel of the dashboard. */
export interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly gridPos: Readonly<Record<"x" | "y" | "w" | "h", number>>;
  readonly targets?: readonly { readonly expr: string }[];
}

/** All alert rules. */
export async function alertRules(): Promise<AlertRule[]> {
  const { groups } = parse(await Deno.readTextFile(RULES)) as { groups: { rules: AlertRule[] }[] };
  return groups.flatMap(({ rules }) => rules);
}

/** All panels of the dashboard. */
export async function panels(): Promise<Panel[]> {
  return JSON.parse(await Deno.readTextFile(`${checkout}infra/grafana/dashboard.json`)).panels;
}

/** The expressions of the dashboard, with values in place of Grafana's variables. */
export async function dashboardExpressions(): Promise<string[]> {
  return (await panels()).flatMap(({ targets = [] }) =>
    targets.map(({ expr }) => expr.replaceAll("$__rate_interval", "5m").replaceAll(/\$\w+/g, ".*"))
  );
}

/** Names of the app's metrics that alert rules and the dashboard use; those of a histogram without the suffix. */
export async function usedMetrics(): Promise<Set<string>> {
  const expressions = [
    ...(await alertRules()).map(({ expr }) => expr),
    ...await dashboardExpressions(),
  ];
  const names = expressions.flatMap((text) => [...text.matchAll(/\bceleriac_[a-z_]+/g)]);
  return new Set(names.map(([name]) => name.replace(/_seconds_(bucket|sum|count)$/, "_seconds")));
}
