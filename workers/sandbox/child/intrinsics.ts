/** Detects whether a task changed objects that all code of a process shares. */
import asyncHooks from "node:async_hooks";
import buffer from "node:buffer";
import crypto from "node:crypto";
import events from "node:events";
import fs from "node:fs";
import process from "node:process";
import timers from "node:timers";
import util from "node:util";

/** Objects that all code relies on. Their properties must not change, and no property may be added. */
function strict(): [string, object][] {
  const constructors = {
    ...{ Object, Function, Array, String, Number, BigInt, Boolean, Symbol, Date, RegExp },
    ...{ Error, TypeError, AggregateError, Map, Set, WeakMap, WeakSet, WeakRef, Promise },
    ...{ ArrayBuffer, SharedArrayBuffer, DataView, Uint8Array, URL, TextEncoder, TextDecoder },
    ...{ AbortController, AbortSignal, EventTarget, FinalizationRegistry },
  };
  const prototypeOf = Object.getPrototypeOf;
  const generator = prototypeOf((function* () {})());
  const asyncGenerator = prototypeOf((async function* () {})());
  return [
    ...Object.entries(constructors).flatMap(([name, constructor]): [string, object][] => [
      [name, constructor],
      [`${name}.prototype`, constructor.prototype],
    ]),
    ...Object.entries({ JSON, Math, Reflect, Intl, Atomics, Proxy }),
    ["TypedArray.prototype", prototypeOf(Uint8Array.prototype)],
    ["Iterator.prototype", prototypeOf(prototypeOf([][Symbol.iterator]()))],
    ["Array Iterator.prototype", prototypeOf([][Symbol.iterator]())],
    ["Map Iterator.prototype", prototypeOf(new Map().entries())],
    ["Generator.prototype", prototypeOf(prototypeOf(generator))],
    ["AsyncGenerator.prototype", prototypeOf(prototypeOf(asyncGenerator))],
    ["AsyncFunction.prototype", prototypeOf(async () => {})],
  ];
}

/** Other objects with functions that a task could replace. */
function others(): [string, object][] {
  const named: [string, object][] = [["console", console], ["Deno", Deno], ["process", process]];
  const modules = { asyncHooks, buffer, crypto, events, fs, timers, util };
  for (const [name, module] of Object.entries(modules)) named.push([`node:${name}`, module]);
  named.push(["node:fs.promises", fs.promises]);
  for (const { name, prototype } of [asyncHooks.AsyncLocalStorage, events.EventEmitter]) {
    named.push([`${name}.prototype`, prototype]);
  }
  for (const name of Object.getOwnPropertyNames(globalThis)) {
    const value = Reflect.get(globalThis, name);
    if (!isShared(value) || value === globalThis) continue;
    named.push([name, value]);
    const prototype = typeof value === "function" ? value.prototype : undefined;
    if (isShared(prototype)) named.push([`${name}.prototype`, prototype]);
  }
  for (const name of ["NumberFormat", "DateTimeFormat", "Collator", "Segmenter"] as const) {
    named.push([`Intl.${name}.prototype`, Intl[name].prototype]);
  }
  return named;
}

interface Known {
  readonly name: string;
  readonly object: object;
  readonly keys: readonly PropertyKey[];
  readonly values: readonly unknown[];
}

/** A snapshot of these objects. The functions that compare are captured with the snapshot, so a task cannot affect them. */
export class Intrinsics {
  /** With all their properties. */
  readonly #whole: Known[];
  /** Compared by their descriptors. New properties are allowed. */
  readonly #globals: Known;
  /** With the properties whose value is a function. Reading them is faster than reading descriptors. */
  readonly #functions: Known[];
  readonly #ownKeys = Reflect.ownKeys;
  readonly #describe = Reflect.getOwnPropertyDescriptor;
  readonly #same = Object.is;
  readonly #text = String;

  constructor() {
    // Reading a lazy property creates it.
    const names = Object.getOwnPropertyNames(globalThis).filter((name) => {
      Reflect.get(globalThis, name);
      return true;
    });
    this.#whole = strict().map(([name, object]) => this.#picture(name, object));
    this.#globals = this.#picture("globalThis", globalThis, names);
    const known = new Set(this.#whole.map(({ object }) => object));
    this.#functions = others().filter(([, object]) => !known.has(object) && known.add(object))
      .map(([name, object]) => functionsOf(name, object));
  }

  /** The first change, such as `Object.prototype.polluted`; `undefined` if there is none. */
  changed(): string | undefined {
    for (let index = 0; index < this.#whole.length; index++) {
      const known = this.#whole[index]!;
      const now = this.#ownKeys(known.object);
      if (now.length > known.keys.length) {
        return `${known.name}.${this.#text(now[now.length - 1])}`;
      }
      const found = this.#differs(known);
      if (found !== undefined) return found;
    }
    for (let index = 0; index < this.#functions.length; index++) {
      const { name, object, keys, values } = this.#functions[index]!;
      for (let place = 0; place < keys.length; place++) {
        const key = keys[place]! as keyof typeof object;
        if (object[key] !== values[place]) return `${name}.${this.#text(key)}`;
      }
    }
    return this.#differs(this.#globals);
  }

  #differs({ name, object, keys, values }: Known): string | undefined {
    for (let place = 0; place < keys.length; place++) {
      const key = keys[place]!;
      const value = valueOf(this.#describe(object, key));
      if (!this.#same(value, values[place])) return `${name}.${this.#text(key)}`;
    }
    return undefined;
  }

  #picture(
    name: string,
    object: object,
    keys: readonly PropertyKey[] = this.#ownKeys(object),
  ): Known {
    return { name, object, keys, values: keys.map((key) => valueOf(this.#describe(object, key))) };
  }
}

function functionsOf(name: string, object: object): Known {
  const keys = Reflect.ownKeys(object).filter((key) => {
    const found = Reflect.getOwnPropertyDescriptor(object, key);
    return found && typeof found.value === "function";
  });
  return { name, object, keys, values: keys.map((key) => Reflect.get(object, key)) };
}

function valueOf(found: PropertyDescriptor | undefined): unknown {
  return found && (found.get ?? found.value);
}

function isShared(value: unknown): value is object {
  return (typeof value === "object" && value !== null) || typeof value === "function";
}
