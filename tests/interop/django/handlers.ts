/** Handlers of the example and of the app that misbehaves on request. */
import { handle } from "../../../workers/mod.ts";
import { total } from "./contracts.ts";

export * from "../../app/handlers.ts";
export * from "../../../examples/django/celeriac/handlers.ts";

export const totalHandler = handle(total, ({ prices }) => prices.reduce((sum, n) => sum + n, 0));
