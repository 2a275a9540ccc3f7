// Answers of type `x-text/stream`: a first line holds the answer, later lines what its promises
// become.
//
// The format is turbo-stream's. A line is a JSON array of slots, numbered on and on; slots refer
// to each other by number, and negative numbers are constants.

const CONSTANTS = new Map([
    [-1, undefined], // a hole of an array
    [-2, NaN],
    [-3, -Infinity],
    [-4, -0],
    [-5, null],
    [-6, Infinity],
    [-7, undefined],
]);

// The value of the first line; its promises settle while the rest is read.
export async function decodeStream(body) {
    const lines = readLines(body);
    const decoder = new Decoder();
    const { value: first, done } = await lines.next();
    if (done) {
        throw new Error('stream ended before its first line');
    }
    const value = decoder.decode(JSON.parse(first));
    settlePromises(decoder, lines);
    return value;
}

async function settlePromises(decoder, lines) {
    try {
        for await (const line of lines) {
            const [, kind, slot, payload] = /^([PE])(\d+):(.*)$/s.exec(line) ?? [];
            if (!kind) {
                throw new Error('stream holds a line of no known kind');
            }
            const settled = decoder.decode(JSON.parse(payload));
            decoder.settle(Number(slot), kind === 'P', settled);
        }
        decoder.abandon(new Error('stream ended before all of its promises were settled'));
    } catch (error) {
        decoder.abandon(error);
    }
}

async function* readLines(body) {
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = '';
    for (;;) {
        const { value, done } = await reader.read();
        const lines = (rest + (value ?? '')).split('\n');
        rest = done ? '' : lines.pop();
        yield* lines.filter((line) => line !== '');
        if (done) {
            return;
        }
    }
}

class Decoder {
    #slots = [];
    #values = new Map();
    #pending = new Map();

    // `slots`: the slots of a line, of which the first is the value; or one constant.
    decode(slots) {
        if (typeof slots === 'number') {
            return this.#value(slots);
        }
        if (!Array.isArray(slots) || slots.length === 0) {
            throw new Error('stream holds a line without a value');
        }
        const first = this.#slots.length;
        for (const slot of slots) {
            this.#slots.push(slot);
        }
        return this.#value(first);
    }

    settle(slot, isFulfilled, value) {
        const promise = this.#pending.get(slot);
        this.#pending.delete(slot);
        if (isFulfilled) {
            promise?.resolve(value);
        } else {
            promise?.reject(value);
        }
    }

    abandon(error) {
        for (const promise of this.#pending.values()) {
            promise.reject(error);
        }
        this.#pending.clear();
    }

    #value(index) {
        if (CONSTANTS.has(index)) {
            return CONSTANTS.get(index);
        }
        if (this.#values.has(index)) {
            return this.#values.get(index);
        }
        const slot = this.#slots[index];
        if (slot === null || typeof slot !== 'object') {
            this.#keep(index, slot);
        } else if (!Array.isArray(slot)) {
            this.#members(this.#keep(index, {}), slot);
        } else if (typeof slot[0] === 'string') {
            this.#tagged(index, slot);
        } else {
            this.#elements(this.#keep(index, new Array(slot.length)), slot);
        }
        return this.#values.get(index);
    }

    // Kept before it is filled, because its parts may refer to it.
    #keep(index, value) {
        this.#values.set(index, value);
        return value;
    }

    #members(object, slot) {
        for (const [key, member] of Object.entries(slot)) {
            Object.defineProperty(object, this.#value(Number(key.slice(1))), {
                value: this.#value(member),
                configurable: true,
                enumerable: true,
                writable: true,
            });
        }
    }

    #elements(array, slot) {
        slot.forEach((element, position) => {
            if (element !== -1) {
                array[position] = this.#value(element);
            }
        });
    }

    #tagged(index, [tag, ...parts]) {
        const keep = (value) => this.#keep(index, value);
        switch (tag) {
            case 'D':
                return keep(new Date(parts[0]));
            case 'B':
                return keep(BigInt(parts[0]));
            case 'U':
                return keep(new URL(parts[0]));
            case 'R':
                return keep(new RegExp(parts[0], parts[1]));
            case 'Y':
                return keep(Symbol.for(parts[0]));
            case 'E':
                return keep(errorOf(parts));
            case 'N':
                return this.#members(keep(Object.create(null)), parts[0]);
            case 'S':
                return this.#set(keep(new Set()), parts);
            case 'M':
                return this.#map(keep(new Map()), parts);
            case 'P':
                return keep(this.#promise(parts[0]));
            case 'Z':
                return keep(this.#value(parts[0]));
            default:
                throw new Error(`stream holds a value of unknown kind "${tag}"`);
        }
    }

    #set(set, parts) {
        for (const part of parts) {
            set.add(this.#value(part));
        }
    }

    #map(map, parts) {
        for (let at = 0; at < parts.length; at += 2) {
            map.set(this.#value(parts[at]), this.#value(parts[at + 1]));
        }
    }

    #promise(slot) {
        const promise = new Promise((resolve, reject) => {
            this.#pending.set(slot, { resolve, reject });
        });
        // Whoever does not wait for it does not care how it ends.
        promise.catch(() => {});
        return promise;
    }
}

function errorOf([message, name]) {
    const error = new Error(message);
    if (name) {
        error.name = name;
    }
    return error;
}
