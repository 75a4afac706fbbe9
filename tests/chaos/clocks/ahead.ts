/** Preloaded into a process whose clock is 15 s ahead. */
import { shiftClock } from "./shift.ts";

shiftClock(15);
