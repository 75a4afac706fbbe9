/** Preloaded into a process whose clock is 15 s behind. */
import { shiftClock } from "./shift.ts";

shiftClock(-15);
