/** The early end of a run: it is abandoned, or ended with an error. */

/** Ends a run once. The promise exists if somebody waits for it: a handler without `await` has ended before. */
export class RunEnd {
  #waiting: PromiseWithResolvers<undefined> | undefined;
  #ended: { readonly error: Error | undefined } | undefined;

  /** Stops the wait. The promise resolves. */
  abandon(): void {
    this.#end(undefined);
  }

  /** Stops the wait. The promise rejects with the error. */
  fail(error: Error): void {
    this.#end(error);
  }

  /** Resolves or rejects when the run ends early. */
  get promise(): Promise<undefined> {
    if (!this.#waiting) {
      this.#waiting = Promise.withResolvers();
      this.#settle();
    }
    return this.#waiting.promise;
  }

  #end(error: Error | undefined): void {
    if (this.#ended) return;
    this.#ended = { error };
    this.#settle();
  }

  #settle(): void {
    if (!this.#waiting || !this.#ended) return;
    const { error } = this.#ended;
    if (error) this.#waiting.reject(error);
    else this.#waiting.resolve(undefined);
  }
}
