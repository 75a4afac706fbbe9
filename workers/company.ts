/** Who runs beside whom: most attempts with any others, a suspect alone. */

/** A lock for sharing: first come first served, so that who wants to be alone does not wait for ever. */
export class Company {
  #present = 0;
  #alone = false;
  #closed = false;
  readonly #line: { alone: boolean; admit(admitted: boolean): void }[] = [];

  /** Admits at once where that is possible, otherwise when it is one's turn. `false` = closed: nobody is admitted any more. */
  enter(alone: boolean): boolean | Promise<boolean> {
    if (this.#closed) return false;
    if (this.#line.length === 0 && this.#admits(alone)) {
      this.#take(alone);
      return true;
    }
    return new Promise((admit) => this.#line.push({ alone, admit }));
  }

  /** Leaves again, once for each time admitted. */
  leave(): void {
    this.#present--;
    this.#alone = false;
    while (this.#line.length > 0 && this.#admits(this.#line[0]!.alone)) {
      const { alone, admit } = this.#line.shift()!;
      this.#take(alone);
      admit(true);
    }
  }

  /** Sends everybody in line away. */
  close(): void {
    this.#closed = true;
    for (const { admit } of this.#line.splice(0)) admit(false);
  }

  #admits(alone: boolean): boolean {
    return alone ? this.#present === 0 : !this.#alone;
  }

  #take(alone: boolean): void {
    this.#present++;
    this.#alone = alone;
  }
}
