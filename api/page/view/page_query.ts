/** The query of a list that is ordered by a name. */
import { z } from "zod";
import { nameCursor } from "../../http/label.ts";

/** Position in the list, and the key of a notice after an action. */
export const PageQuery = z.object({
  cursor: nameCursor,
  done: z.string().max(100),
}).partial();
