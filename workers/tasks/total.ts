import { total } from "../../shared/tasks/total.ts";
import { handle } from "../handlers.ts";

/** Adds a list of numbers. */
export const totalHandler = handle(
  total,
  ({ numbers }) => numbers.reduce((sum, number) => sum + number, 0),
);
