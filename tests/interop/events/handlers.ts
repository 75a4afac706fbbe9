import { handle } from "../../../workers/mod.ts";
import { keep } from "./contracts.ts";

export const keepHandler = handle(keep, ({ event }) => event);
