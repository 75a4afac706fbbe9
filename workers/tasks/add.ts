import { add } from "../../shared/tasks/add.ts";
import { handle } from "../handlers.ts";

/** Adds two numbers. */
export const addHandler = handle(add, ({ x, y }) => x + y);
