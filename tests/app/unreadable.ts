/** Thrown values that throw when they are read. */

function refusing(property: string): Error {
  return Object.defineProperty(new Error("readable"), property, {
    get() {
      throw new RangeError(`${property} cannot be read`);
    },
  });
}

/** Creates the values, by defect. */
export const UNREADABLE: Readonly<Record<string, () => unknown>> = {
  "a revoked proxy"() {
    const { proxy, revoke } = Proxy.revocable(new Error("gone"), {});
    revoke();
    return proxy;
  },
  "a proxy that always throws"() {
    const refuse = () => {
      throw new RangeError("no");
    };
    return new Proxy(new Error("refusing"), { get: refuse, getPrototypeOf: refuse, has: refuse });
  },
  "a proxy that is an error, and can be read no further": () =>
    new Proxy(new Error("refusing"), {
      get() {
        throw new RangeError("no");
      },
    }),
  ...Object.fromEntries(
    ["message", "name", "stack", "cause", "constructor", "issues", "pythonClass"].map((
      property,
    ) => [`an error whose ${property} throws`, () => refusing(property)]),
  ),
  "an error whose message is an object without text": () =>
    Object.assign(new Error(), { message: Object.create(null) }),
  "an object whose toString throws": () => ({
    toString() {
      throw new RangeError("no text");
    },
  }),
  "issues that are none": () => Object.assign(new Error("invalid"), { issues: [null, undefined] }),
  "issues whose messages throw": () =>
    Object.assign(new Error("invalid"), { issues: [refusing("message")] }),
  "reasons that cannot be read": () => new AggregateError([refusing("message"), undefined], "all"),
  "reasons that are no list": () => Object.assign(new AggregateError([]), { errors: 5 }),
  "a cause that is itself"() {
    const error = new Error("round");
    error.cause = error;
    return error;
  },
  "a symbol": () => Symbol("thrown"),
  "nothing": () => undefined,
  "null": () => null,
};
