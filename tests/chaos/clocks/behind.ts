/** Preload: sets the clock of a process 15 s behind. */
import { shiftClock } from "./shift.ts";

shiftClock(-15);
