// Reads HTML into nodes and writes nodes as HTML. What was read is written as it was: references to
// characters are left to the browser, which knows all of their names.
'use strict';
const { ELEMENT, TEXT, COMMENT, Text, Comment } = require('ochre/dom/tree');

const set = (names) => new Set(names.split(' '));
const VOID = set('area base br col embed hr img input link meta param source track wbr');
// Elements whose text is no markup, and those of them where references count all the same.
const RAW = set('script style xmp iframe noembed noframes noscript textarea title');
const REFERENCES = set('textarea title');
const HTML = 'http://www.w3.org/1999/xhtml';
const NAMESPACES = {
  __proto__: null,
  svg: 'http://www.w3.org/2000/svg',
  math: 'http://www.w3.org/1998/Math/MathML',
};

const BLOCKS =
  'address article aside blockquote center details dialog dir div dl fieldset figcaption figure footer form ' +
  'h1 h2 h3 h4 h5 h6 header hgroup hr main menu nav ol p pre search section table ul';
// Which open elements an element ends that begins right in them.
const ENDED = new Map([
  ...BLOCKS.split(' ').map((name) => [name, set('p')]),
  ['li', set('li p')],
  ['dt', set('dt dd p')],
  ['dd', set('dt dd p')],
  ['option', set('option')],
  ['optgroup', set('option optgroup')],
  ['td', set('td th')],
  ['th', set('td th')],
  ['tr', set('td th tr')],
  ...['tbody', 'thead', 'tfoot'].map((name) => [name, set('td th tr tbody thead tfoot')]),
]);

// Where text ends: at anything else `<` is text too.
const BEGINS = /<(?=[a-zA-Z!?]|\/[^])/g;
const TAG = /<(\/?)([a-zA-Z][^\s/>]*)/y;
const ATTRIBUTE = /[\s/]*([^\s/>][^\s/>=]*)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>"'][^\s>]*))?)?/y;
const TAG_END = /[\s/]*>/y;

const NAMED = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: '\u00a0' };
const character = (code) => (code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : '\ufffd');
const decoded = (text) =>
  text.replace(/&(?:#(\d+)|#[xX]([\da-fA-F]+)|(amp|lt|gt|quot|apos|nbsp));/g, (_, decimal, hexadecimal, name) => {
    if (name !== undefined) return NAMED[name];
    return character(decimal === undefined ? Number.parseInt(hexadecimal, 16) : Number(decimal));
  });

// A value of an attribute, with the markup that it was read from where that is another.
class Reference {
  constructor(source) {
    this.source = source;
    this.value = decoded(source);
  }
}

// What is written of `source` must not become markup together with the text that follows it.
function textOf(source) {
  if (!source.includes('&')) return new Text(source);
  const text = new Text(decoded(source));
  const closed = source.replace(/&(?=[#\w]*$)/, '&amp;');
  text.source = closed.replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  return text;
}

// `create(namespace, name)` makes an element; its `attributeMap` gets what the tag holds.
class Reader {
  #source;
  #at = 0;
  #create;
  #open;

  constructor(source, root, create) {
    this.#source = source;
    this.#create = create;
    this.#open = [root];
  }

  read() {
    while (this.#at < this.#source.length) {
      BEGINS.lastIndex = this.#at;
      const start = BEGINS.exec(this.#source)?.index ?? this.#source.length;
      if (start > this.#at) this.#inside.appendChild(textOf(this.#source.slice(this.#at, start)));
      this.#at = start;
      if (start < this.#source.length && !this.#tag()) this.#comment();
    }
  }

  get #inside() {
    return this.#open[this.#open.length - 1];
  }

  // Comments, and what browsers take for them: `<!x>`, `<?x>`, `</ x>`.
  #comment() {
    const rest = this.#source.slice(this.#at, this.#at + 6);
    const [opening] = /^<!--(?:-?>)?|^<[!/]|^</.exec(rest);
    const start = this.#at + opening.length;
    const isEmpty = opening.endsWith('>');
    const closing = opening === '<!--' ? '-->' : '>';
    const found = isEmpty ? start : this.#source.indexOf(closing, start);
    const end = found < 0 ? this.#source.length : found;
    const text = this.#source.slice(start, end);
    if (opening !== '</' || text !== '') this.#inside.appendChild(new Comment(text));
    this.#at = found < 0 || isEmpty ? end : end + closing.length;
  }

  #tag() {
    TAG.lastIndex = this.#at;
    const [all, slash, name] = TAG.exec(this.#source) ?? [];
    if (all === undefined) return false;
    this.#at += all.length;
    const attributes = this.#attributes();
    // A tag that never ends is dropped.
    if (attributes === undefined) return true;
    if (slash === '/') this.#end(name);
    else this.#begin(name, attributes);
    return true;
  }

  #attributes() {
    const attributes = new Map();
    for (;;) {
      TAG_END.lastIndex = this.#at;
      const [end] = TAG_END.exec(this.#source) ?? [];
      if (end !== undefined) {
        this.#at += end.length;
        attributes.isClosed = end.includes('/');
        return attributes;
      }
      ATTRIBUTE.lastIndex = this.#at;
      const [all, name, ...values] = ATTRIBUTE.exec(this.#source) ?? [];
      if (all === undefined) {
        this.#at = this.#source.length;
        return undefined;
      }
      this.#at += all.length;
      const value = values.find((found) => found !== undefined) ?? '';
      if (!attributes.has(name)) attributes.set(name, value.includes('&') ? new Reference(value) : value);
    }
  }

  #begin(written, attributes) {
    const lower = written.toLowerCase();
    const around = this.#inside.namespaceURI ?? HTML;
    const isForeign = around !== HTML && this.#inside.localName !== 'foreignObject';
    const namespace = NAMESPACES[lower] ?? (isForeign ? around : HTML);
    const name = namespace === HTML ? lower : written;
    if (namespace === HTML) {
      const ended = ENDED.get(name);
      while (this.#open.length > 1 && ended?.has(this.#inside.localName)) this.#open.pop();
    }
    const element = this.#create(namespace, name);
    for (const [key, value] of attributes) {
      const name = namespace === HTML ? key.toLowerCase() : key;
      if (!element.attributeMap.has(name)) element.attributeMap.set(name, value);
    }
    this.#inside.appendChild(element);
    if (namespace !== HTML) {
      if (!attributes.isClosed) this.#open.push(element);
    } else if (RAW.has(name)) {
      this.#raw(element);
    } else if (!VOID.has(name)) {
      this.#open.push(element.content ?? element);
    }
  }

  #raw(element) {
    const { localName } = element;
    const end = new RegExp(`</${localName}(?=[\\s/>])`, 'gi');
    end.lastIndex = this.#at;
    const stop = end.exec(this.#source)?.index ?? this.#source.length;
    const text = this.#source.slice(this.#at, stop);
    if (text !== '') element.appendChild(REFERENCES.has(localName) ? textOf(text) : new Text(text));
    this.#at = stop;
    // Its end tag finds it open.
    if (stop < this.#source.length) this.#open.push(element);
  }

  #end(written) {
    const is = (node) => (node.host ?? node).localName?.toLowerCase() === written.toLowerCase();
    const at = this.#open.findLastIndex((node, index) => index > 0 && is(node));
    if (at > 0) this.#open.length = at;
    // It stands for a paragraph without anything in it.
    else if (is({ localName: 'p' })) this.#inside.appendChild(this.#create(HTML, 'p'));
  }
}

function read(source, root, create) {
  new Reader(`${source}`, root, create).read();
}

const escapedText = (text) =>
  /[&<>\u00a0]/.test(text)
    ? text.replaceAll('&', '&amp;').replaceAll('\u00a0', '&nbsp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
    : text;
const escapedValue = (value) =>
  /[&"<>\u00a0]/.test(value) ? escapedText(value).replaceAll('"', '&quot;') : value;

function attribute(name, value) {
  const text = value instanceof Reference ? value.source.replaceAll('"', '&quot;') : escapedValue(value);
  return ` ${name}="${text}"`;
}

function writtenElement(element) {
  const { localName, namespaceURI } = element;
  let html = `<${localName}`;
  for (const [name, value] of element.attributeMap) html += attribute(name, value);
  html += '>';
  if (namespaceURI === HTML && VOID.has(localName)) return html;
  return `${html}${content(element)}</${localName}>`;
}

function written(node, around) {
  if (node.nodeType === ELEMENT) return writtenElement(node);
  // Nothing may end the comment but its end.
  if (node.nodeType === COMMENT) return `<!--${node.data.replace(/^-?>|--!?>/g, (end) => end.replace('>', '&gt;'))}-->`;
  const { localName, namespaceURI } = around;
  const isRaw = namespaceURI === HTML && RAW.has(localName) && !REFERENCES.has(localName);
  // Nor an element that holds no markup but its end tag.
  if (isRaw) return node.data.replaceAll(`</${localName}`, `<\\/${localName}`);
  return node.source ?? escapedText(node.data);
}

// The children of a node as HTML.
function content(node) {
  const parent = node.content ?? node;
  let html = '';
  for (let child = parent.firstChild; child !== null; child = child.nextSibling) html += written(child, node);
  return html;
}

module.exports = { HTML, Reference, content, read, written: (node) => written(node, node) };
