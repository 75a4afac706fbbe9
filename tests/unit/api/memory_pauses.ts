import type { PausesParts } from "../../../api/actions/pause_actions.ts";
import type { PauseKey } from "../../../shared/flow/pause.ts";
import type { StoredPause } from "../../../shared/flow/pause_store.ts";

/** Pauses in memory. */
export class MemoryPauses implements PausesParts {
  readonly all = new Map<string, StoredPause>();
  resumes = 0;
  readonly store: PausesParts["store"] = {
    list: () => Promise.resolve([...this.all.values()]),
    find: (key) => Promise.resolve(this.all.get(idOf(key))),
    pause: ({ scope, name }, { reason, by }) => {
      const stored = {
        scope,
        name,
        reason,
        pausedBy: by,
        pausedAt: new Date(),
        parked: 3,
        parkedBytes: 30,
      };
      const pause = { ...stored, resumedAt: null, rate: null };
      this.all.set(idOf(pause), pause);
      return Promise.resolve(pause);
    },
    resume: (key, { rate }) => {
      const pause = this.all.get(idOf(key));
      return Promise.resolve(pause && { ...pause, resumedAt: new Date(), rate });
    },
  };

  readonly resumed = (): void => void this.resumes++;
}

/** Identifies a pause, as in the audit log. */
export function idOf({ scope, name }: PauseKey): string {
  return `${scope}:${name}`;
}
