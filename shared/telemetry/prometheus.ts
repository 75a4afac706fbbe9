/** The classes of prom-client that Celeriac uses. Its main module also loads what pushes metrics and what collects them from a cluster of
 * Node.js processes, and with that Deno's `node:http` and `node:cluster`: several MiB in each process.
 * @module
 */
import type * as client from "prom-client";
import counter from "prom-client/lib/counter.js";
import gauge from "prom-client/lib/gauge.js";
import histogram from "prom-client/lib/histogram.js";
import registry from "prom-client/lib/registry.js";

export const Counter: typeof client.Counter = counter;
export type Counter<Label extends string = string> = client.Counter<Label>;

export const Gauge: typeof client.Gauge = gauge;
export type Gauge<Label extends string = string> = client.Gauge<Label>;

export const Histogram: typeof client.Histogram = histogram;
export type Histogram<Label extends string = string> = client.Histogram<Label>;

export const Registry: typeof client.Registry = registry;
export type Registry = client.Registry;
