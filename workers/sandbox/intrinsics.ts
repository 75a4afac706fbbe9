/** The objects that all code of a process shares, and whether a task has changed them. */

/** Whose properties every piece of code relies on. */
function shared(): [string, object][] {
  const constructors = {
    Object,
    Function,
    Array,
    String,
    Number,
    Boolean,
    Symbol,
    Date,
    RegExp,
    Error,
    Map,
    Set,
    WeakMap,
    Promise,
    ArrayBuffer,
    Uint8Array,
    URL,
    TextEncoder,
    TextDecoder,
    AbortSignal,
    EventTarget,
  };
  const iterator = Object.getPrototypeOf(Object.getPrototypeOf([][Symbol.iterator]()));
  return [
    ...Object.entries(constructors).flatMap(([name, constructor]): [string, object][] => [
      [name, constructor],
      [`${name}.prototype`, constructor.prototype],
    ]),
    ["JSON", JSON],
    ["Math", Math],
    ["Reflect", Reflect],
    ["Iterator.prototype", iterator],
    ["Array Iterator.prototype", Object.getPrototypeOf([][Symbol.iterator]())],
  ];
}

/** Globals whose replacement the next task would notice. */
const GLOBALS = [
  ...["Object", "Array", "Promise", "JSON", "Math", "Date", "Map", "Set", "Error", "Reflect"],
  ...["setTimeout", "clearTimeout", "setInterval", "fetch", "console", "structuredClone", "Deno"],
];

interface Known {
  readonly name: string;
  readonly object: object;
  readonly keys: readonly PropertyKey[];
  readonly values: readonly unknown[];
}

/** A picture of them as they are when it is made. What it compares with was taken then, so a change of these functions changes nothing here. */
export class Intrinsics {
  readonly #known: Known[];
  readonly #ownKeys = Reflect.ownKeys;
  readonly #describe = Reflect.getOwnPropertyDescriptor;

  constructor() {
    this.#known = shared().map(([name, object]) => this.#picture(name, object));
    const globals = GLOBALS.filter((name) => Reflect.get(globalThis, name)); // reading makes the lazy ones
    this.#known.push(this.#picture("globalThis", globalThis, globals));
  }

  /** The first that is not as it was, such as `Object.prototype.polluted`; `undefined` when all are. */
  changed(): string | undefined {
    for (let index = 0; index < this.#known.length; index++) {
      const { name, object, keys, values } = this.#known[index]!;
      const whole = object !== globalThis;
      if (whole) {
        const now = this.#ownKeys(object);
        if (now.length > keys.length) return `${name}.${String(now[now.length - 1])}`;
      }
      for (let place = 0; place < keys.length; place++) {
        const key = keys[place]!;
        const found = this.#describe(object, key);
        const value = found && ("value" in found ? found.value : found.get);
        if (value !== values[place] && !(value !== value)) return `${name}.${String(key)}`;
      }
    }
    return undefined;
  }

  #picture(
    name: string,
    object: object,
    keys: readonly PropertyKey[] = this.#ownKeys(object),
  ): Known {
    const values = keys.map((key) => {
      const found = this.#describe(object, key);
      return found && ("value" in found ? found.value : found.get);
    });
    return { name, object, keys, values };
  }
}
