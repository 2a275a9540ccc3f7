// Frames on the socket to the registry; `frame.rs` has the layout.
(function (parts) {
  'use strict';
  const { require } = parts;
  const { Buffer } = require('buffer');
  const KINDS = {
    load: 1, call: 2, reply: 3, cancel: 4, forget: 5,
    ready: 16, started: 17, done: 18, host: 19, chunk: 20, end: 21, paused: 22,
  };
  const LENGTH_BYTES = 4;
  const HEAD_BYTES = 9;
  const DEPTH_MAX = 100;

  // What comes in, cut into frames: `{ kind, id, header, bytes }`, the header as text.
  class Reader {
    #parts = [];
    #length = 0;

    *frames(chunk) {
      this.#parts.push(chunk);
      this.#length += chunk.length;
      let buffer = this.#whole();
      while (buffer !== undefined && buffer.length >= LENGTH_BYTES) {
        const end = LENGTH_BYTES + buffer.readUInt32BE(0);
        if (buffer.length < end) break;
        const line = buffer.indexOf(10, HEAD_BYTES);
        yield {
          kind: buffer[LENGTH_BYTES],
          id: buffer.readUInt32BE(5),
          header: buffer.utf8Slice(HEAD_BYTES, line),
          bytes: buffer.subarray(line + 1, end),
        };
        buffer = buffer.subarray(end);
      }
      if (buffer === undefined) return;
      this.#parts = buffer.length === 0 ? [] : [buffer];
      this.#length = buffer.length;
    }

    // Everything in one piece, once the first frame is whole: long ones come in many chunks.
    #whole() {
      const [first] = this.#parts;
      if (this.#parts.length === 1) return first;
      if (first.length >= LENGTH_BYTES && this.#length < LENGTH_BYTES + first.readUInt32BE(0)) return undefined;
      return Buffer.concat(this.#parts, this.#length);
    }
  }

  // One frame; `header` is JSON text, `body` a text, bytes, or nothing.
  function frame(kind, id, header, body) {
    const headerBytes = Buffer.byteLength(header);
    const bodyBytes = body === undefined ? 0 : typeof body === 'string' ? Buffer.byteLength(body) : body.length;
    const length = HEAD_BYTES + headerBytes + 1 + bodyBytes;
    const out = Buffer.allocUnsafe(length);
    out.writeUInt32BE(length - LENGTH_BYTES, 0);
    out[LENGTH_BYTES] = kind;
    out.writeUInt32BE(id, 5);
    out.utf8Write(header, HEAD_BYTES);
    out[HEAD_BYTES + headerBytes] = 10;
    const start = HEAD_BYTES + headerBytes + 1;
    if (typeof body === 'string') out.utf8Write(body, start);
    else if (body !== undefined) out.set(body, start);
    return out;
  }

  // JSON that the registry's parser takes too: it knows no lone surrogates.
  function json(value) {
    return wellFormed(JSON.stringify(value));
  }

  function wellFormed(text) {
    if (!text.includes('\\ud')) return text;
    return text.replace(/\\(?:u[dD][89a-fA-F][0-9a-fA-F]{2}|[^])/g, (escape) => (escape.length > 2 ? '\ufffd' : escape));
  }

  // Whether JSON text is nested more deeply than the registry's parser takes.
  function isDeep(text) {
    let depth = 0;
    let inString = false;
    for (let at = 0; at < text.length; at++) {
      const unit = text.charCodeAt(at);
      if (inString) {
        if (unit === 92) at++;
        else if (unit === 34) inString = false;
      } else if (unit === 34) inString = true;
      else if (unit === 91 || unit === 123) {
        if (++depth > DEPTH_MAX) return true;
      } else if (unit === 93 || unit === 125) depth--;
    }
    return false;
  }

  return { KINDS, Reader, frame, json, wellFormed, isDeep };
});
