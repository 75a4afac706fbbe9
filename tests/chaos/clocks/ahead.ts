/** Preload: sets the clock of a process 15 s ahead. */
import { shiftClock } from "./shift.ts";

shiftClock(15);
