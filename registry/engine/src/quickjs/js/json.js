// Tells in V8's words why a value has no JSON.
(function () {
  'use strict';
  const { getPrototypeOf, entries } = Object;

  const constructorOf = (value) => {
    try {
      const { constructor } = value;
      return typeof constructor === 'function' && constructor.name ? constructor.name : 'Object';
    } catch {
      return 'Object';
    }
  };

  const named = (key, parent) => (Array.isArray(parent) ? `index ${key}` : `property '${key}'`);

  // The chain of [key, parent, value] from the first object of a circle to the key that closes it.
  function circle(root) {
    const chain = [];
    const onPath = new Map();
    const seen = new Set();
    const visit = (value, key, parent) => {
      if (value === null || typeof value !== 'object') return undefined;
      if (onPath.has(value)) return { from: onPath.get(value), key, parent };
      if (seen.has(value) || chain.length > 500) return undefined;
      seen.add(value);
      onPath.set(value, chain.length);
      chain.push({ key, parent, value });
      const plain = typeof value.toJSON === 'function' ? value.toJSON(key) : value;
      if (plain !== null && typeof plain === 'object') {
        for (const [name, member] of entries(plain)) {
          const found = visit(member, name, plain);
          if (found !== undefined) return found;
        }
      }
      chain.pop();
      onPath.delete(value);
      return undefined;
    };
    const closing = visit(root, '', undefined);
    return closing === undefined ? undefined : { chain, closing };
  }

  function circular(root) {
    let text = 'Converting circular structure to JSON';
    let found;
    try {
      found = circle(root);
    } catch {
      // a getter that throws: the first line is all there is to say
    }
    if (found === undefined) return text;
    const { chain, closing } = found;
    const line = ({ key, parent, value }) =>
      `\n    |     ${named(key, parent)} -> object with constructor '${constructorOf(value)}'`;
    text += `\n    --> starting at object with constructor '${constructorOf(chain[closing.from].value)}'`;
    const near = Math.min(chain.length, closing.from + 3);
    for (let index = closing.from + 1; index < near; index++) text += line(chain[index]);
    if (chain.length > near + 1) text += '\n    |     ...';
    for (let index = Math.max(near, chain.length - 1); index < chain.length; index++) text += line(chain[index]);
    return `${text}\n    --- ${named(closing.key, closing.parent)} closes the circle`;
  }

  return {
    explain(reason, value) {
      if (!(reason instanceof TypeError)) return reason;
      if (reason.message === 'circular reference') return new TypeError(circular(value));
      if (/bigint/i.test(reason.message)) return new TypeError('Do not know how to serialize a BigInt');
      return reason;
    },
  };
})();
