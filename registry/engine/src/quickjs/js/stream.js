// Tells a value in the turbo-stream encoding (as npm @rdevis/turbo-stream 2 reads it): a first
// line that holds the value with its promises left open, then one line as each promise settles.
//
// Uses nothing but ECMAScript, so that any engine can run it.
(function () {
  'use strict';
  const HOLE = -1;
  const NAN = -2;
  const NEGATIVE_INFINITY = -3;
  const NEGATIVE_ZERO = -4;
  const NULL = -5;
  const POSITIVE_INFINITY = -6;
  const UNDEFINED = -7;

  const typeOf = (value) => Object.prototype.toString.call(value).slice(8, -1);
  const tagged = (tag, items) => `[${[JSON.stringify(tag), ...items].join(',')}]`;

  // What stands for a value without a slot of its own.
  function constantOf(value) {
    if (value === undefined) return UNDEFINED;
    if (value === null) return NULL;
    if (Number.isNaN(value)) return NAN;
    if (value === Infinity) return POSITIVE_INFINITY;
    if (value === -Infinity) return NEGATIVE_INFINITY;
    return Object.is(value, -0) ? NEGATIVE_ZERO : undefined;
  }

  class Encoder {
    #texts = [];
    #slots = new Map();
    #told = 0;
    // Promises that are not settled, by slot.
    open = new Map();

    // The slot of a value that was told before.
    known(value) {
      return this.#slots.get(value) || undefined;
    }

    // The slot of a value, or the constant for it; what is new is written into slots of its own.
    place(value) {
      const constant = this.known(value) ?? constantOf(value);
      if (constant !== undefined) return constant;
      const slot = this.#texts.push('') - 1;
      this.#slots.set(value, slot);
      this.#texts[slot] = this.#textOf(value, slot);
      return slot;
    }

    // A slot that only points to another one; the reader counts it.
    skip() {
      this.#texts.push('');
      this.#told++;
    }

    // The slots written since the last time.
    take() {
      const texts = this.#texts.slice(this.#told);
      this.#told = this.#texts.length;
      return `[${texts.join(',')}]`;
    }

    #textOf(value, slot) {
      switch (typeof value) {
        case 'boolean':
        case 'number':
        case 'string':
          return JSON.stringify(value);
        case 'bigint':
          return tagged('B', [`"${value}"`]);
        case 'symbol': {
          const key = Symbol.keyFor(value);
          if (key === undefined) throw new Error('Cannot encode symbol unless created with Symbol.for()');
          return tagged('Y', [JSON.stringify(key)]);
        }
        case 'object':
          return Array.isArray(value) ? this.#list(value) : this.#object(value, slot);
        default:
          throw new Error('Cannot encode function or unexpected type');
      }
    }

    #list(list) {
      const items = [];
      for (let index = 0; index < list.length; index++) {
        items.push(index in list ? this.place(list[index]) : HOLE);
      }
      return `[${items.join(',')}]`;
    }

    #members(object) {
      const members = Object.keys(object).map((key) => `"_${this.place(key)}":${this.place(object[key])}`);
      return `{${members.join(',')}}`;
    }

    #object(object, slot) {
      switch (typeOf(object)) {
        case 'Date':
          return tagged('D', [object.getTime()]);
        case 'URL':
          return tagged('U', [JSON.stringify(object.href)]);
        case 'RegExp':
          return tagged('R', [JSON.stringify(object.source), JSON.stringify(object.flags)]);
        case 'Set':
          return tagged('S', Array.from(object, (item) => this.place(item)));
        case 'Map':
          return tagged('M', Array.from(object, ([key, item]) => `${this.place(key)},${this.place(item)}`));
        case 'Promise':
          this.open.set(slot, object);
          return tagged('P', [slot]);
        case 'Error': {
          const name = object.name === 'Error' ? [] : [JSON.stringify(object.name)];
          return tagged('E', [JSON.stringify(object.message), ...name]);
        }
      }
      const prototype = Object.getPrototypeOf(object);
      if (prototype === null) return tagged('N', [this.#members(object)]);
      if (prototype === Object.prototype) return this.#members(object);
      throw new Error('Cannot encode object with prototype');
    }
  }

  // Tells what a promise became; `kind` is P when it was fulfilled, E when it was rejected.
  function tell(encoder, write, kind, slot, value) {
    const known = encoder.known(value);
    if (known !== undefined) {
      encoder.skip();
      return write(`${kind}${slot}:[["Z",${known}]]\n`);
    }
    const placed = encoder.place(value);
    write(`${kind}${slot}:${placed < 0 ? placed : encoder.take()}\n`);
  }

  async function follow(encoder, write) {
    const followed = new Map();
    const settled = (slot) => {
      encoder.open.delete(slot);
      followed.delete(slot);
    };
    const rejection = (reason) => (reason instanceof Error ? reason : new Error('An unknown error occurred'));
    while (encoder.open.size > 0) {
      for (const [slot, promise] of encoder.open) {
        if (followed.has(slot)) continue;
        const told = Promise.resolve(promise).then(
          (value) => tell(encoder, write, 'P', slot, value),
          (reason) => tell(encoder, write, 'E', slot, rejection(reason)),
        );
        followed.set(slot, told.finally(() => settled(slot)));
      }
      await Promise.race(followed.values());
    }
  }

  // Gives the first line, and `rest(write)`: a promise of having written the others. Throws when
  // the value cannot be told.
  function encode(value) {
    const encoder = new Encoder();
    const placed = encoder.place(value);
    return {
      first: `${placed < 0 ? placed : encoder.take()}\n`,
      rest: (write) => follow(encoder, write),
    };
  }

  return { encode };
})();
