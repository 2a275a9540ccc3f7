// Carries values between two realms as text, so that no object of one is ever seen in the other.
// Functions and promises stay where they are; what crosses is their number.
//
// Evaluated once in each realm, before anything else: whatever a script does to its built-in
// objects later, only text comes out.
(function () {
  'use strict';
  const { stringify, parse } = JSON;
  const { apply } = Reflect;
  const { keys, defineProperty } = Object;
  const { fromCharCode } = String;
  const { isView } = ArrayBuffer;
  const tagOf = Object.prototype.toString;
  const then = Promise.prototype.then;
  const kinds = { Error, TypeError, RangeError, SyntaxError, ReferenceError, EvalError, URIError };
  const ThePromise = Promise;
  const TheFinalizationRegistry = FinalizationRegistry;

  const own = (object, key, value) =>
    defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true });

  // Exceptions of the other side are objects of its realm: nobody may see them.
  function attempt(work) {
    try {
      return work();
    } catch {
      return undefined;
    }
  }

  return function port() {
    let peer;
    let next = 1;
    const exported = new Map();
    const pending = new Map();
    const freed = new TheFinalizationRegistry((id) => attempt(() => peer.release(id)));

    // ---- to text --------------------------------------------------------------------------------

    function expose(callable) {
      const id = next++;
      exported.set(id, callable);
      return id;
    }

    function promised(promise) {
      const id = next++;
      const settle = (fulfilled) => (value) => {
        let text;
        try {
          text = write(value);
        } catch (error) {
          fulfilled = false;
          text = write(error);
        }
        attempt(() => peer.settle(id, fulfilled, text));
      };
      apply(then, promise, [settle(true), settle(false)]);
      return id;
    }

    function members(object, seen) {
      const packed = [];
      for (const key of keys(object)) packed.push(key, pack(object[key], seen));
      return packed;
    }

    function pack(value, seen) {
      switch (typeof value) {
        case 'string':
        case 'boolean':
          return value;
        case 'number':
          return Number.isFinite(value) && !Object.is(value, -0) ? value : ['n', Object.is(value, -0) ? '-0' : String(value)];
        case 'bigint':
          return ['b', String(value)];
        case 'function':
          return ['f', expose(value)];
        case 'object':
          return value === null ? null : packObject(value, seen);
        default:
          return ['u'];
      }
    }

    function packObject(value, seen) {
      if (seen.has(value)) return ['r', seen.get(value)];
      seen.set(value, seen.size);
      if (Array.isArray(value)) return ['a', Array.from(value, (item) => pack(item, seen))];
      if (isView(value)) {
        let bytes = '';
        for (const byte of new Uint8Array(value.buffer, value.byteOffset, value.byteLength)) bytes += fromCharCode(byte);
        return ['t', bytes];
      }
      switch (apply(tagOf, value, [])) {
        case '[object Promise]':
          return ['p', promised(value)];
        case '[object Date]':
          return ['d', Date.prototype.getTime.call(value)];
        case '[object RegExp]':
          return ['x', value.source, value.flags];
        case '[object Map]':
          return ['m', Array.from(value, ([key, item]) => [pack(key, seen), pack(item, seen)])];
        case '[object Set]':
          return ['s', Array.from(value, (item) => pack(item, seen))];
        case '[object Error]':
          return ['e', String(value.name), String(value.message), String(value.stack), members(value, seen)];
        default:
          return ['o', members(value, seen)];
      }
    }

    const write = (value) => stringify(pack(value, new Map()));

    // ---- from text ------------------------------------------------------------------------------

    function foreign(id) {
      const standIn = (...args) => {
        const text = write(args);
        return receive(attempt(() => peer.call(id, text)));
      };
      freed.register(standIn, id);
      return standIn;
    }


    function receive(answer) {
      if (typeof answer !== 'string') throw new Error('plugin could not be called');
      const value = read(answer.slice(1));
      if (answer[0] === '+') return value;
      throw value;
    }

    function fill(object, packed, seen) {
      for (let index = 0; index < packed.length; index += 2) own(object, packed[index], unpack(packed[index + 1], seen));
      return object;
    }

    function unpack(packed, seen) {
      if (packed === null || typeof packed !== 'object') return packed;
      const [kind, first, second, third, fourth] = packed;
      const keep = (value) => {
        seen.push(value);
        return value;
      };
      switch (kind) {
        case 'n':
          return Number(first);
        case 'b':
          return BigInt(first);
        case 'f':
          return foreign(first);
        case 'r':
          return seen[first];
        case 'a': {
          const list = keep([]);
          for (const item of first) list.push(unpack(item, seen));
          return list;
        }
        case 't':
          return keep(Uint8Array.from(first, (byte) => byte.charCodeAt(0)));
        case 'p':
          return keep(new ThePromise((resolve, reject) => pending.set(first, { resolve, reject })));
        case 'd':
          return keep(new Date(first));
        case 'x':
          return keep(new RegExp(first, second));
        case 'm': {
          const map = keep(new Map());
          for (const [key, item] of first) map.set(unpack(key, seen), unpack(item, seen));
          return map;
        }
        case 's': {
          const set = keep(new Set());
          for (const item of first) set.add(unpack(item, seen));
          return set;
        }
        case 'e': {
          const error = keep(new (kinds[first] ?? kinds.Error)(second));
          defineProperty(error, 'stack', { value: third, writable: true, configurable: true });
          if (error.name !== first) defineProperty(error, 'name', { value: first, writable: true, configurable: true });
          return fill(error, fourth, seen);
        }
        case 'o':
          return fill(keep({}), first, seen);
        default:
          return undefined;
      }
    }

    const read = (text) => unpack(parse(text), []);

    // ---- what the other side calls: text in, text out -------------------------------------------

    function call(id, text) {
      try {
        return `+${write(apply(exported.get(id), undefined, read(text)))}`;
      } catch (error) {
        return `-${write(error)}`;
      }
    }

    function settle(id, fulfilled, text) {
      const promise = pending.get(id);
      pending.delete(id);
      const value = attempt(() => read(text));
      if (fulfilled) promise?.resolve(value);
      else promise?.reject(value);
    }

    return {
      side: { call, settle, release: (id) => exported.delete(id) },
      connect(other) {
        peer = other;
      },
      expose,
      foreign,
    };
  };
})();
