// The `style` and `classList` of an element, kept in its attributes.
'use strict';

// `a: url(x;y); b: c`: text of a declaration, with strings and parentheses in it.
const DECLARATION = /(?:[^;"'(]|"[^"]*"|'[^']*'|\([^)]*\))+/g;
const hyphened = (name) => (name === 'cssFloat' ? 'float' : name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`));
const known = (name) => (name.startsWith('--') ? name : name.toLowerCase());

function read(text) {
  const values = new Map();
  for (const [declaration] of text.matchAll(DECLARATION)) {
    const at = declaration.indexOf(':');
    const name = declaration.slice(0, at).trim();
    const value = declaration.slice(at + 1).trim();
    if (at > 0 && name !== '' && value !== '') values.set(known(name), value);
  }
  return values;
}

// Ends of declarations would let one value set others.
const isValue = (text) => !/[;{}]/.test(text.replace(/"[^"]*"|'[^']*'|\([^)]*\)/g, ''));

class Style {
  #element;

  constructor(element) {
    this.#element = element;
  }

  #values() {
    return read(this.#element.getAttribute('style') ?? '');
  }

  #write(values) {
    const declarations = Array.from(values, ([name, value]) => `${name}: ${value};`);
    this.#element.setAttribute('style', declarations.join(' '));
  }

  get cssText() {
    return this.#element.getAttribute('style') ?? '';
  }

  set cssText(text) {
    this.#write(read(`${text ?? ''}`));
  }

  getPropertyValue(name) {
    return this.#values().get(known(name)) ?? '';
  }

  setProperty(name, value, priority = '') {
    const text = `${value ?? ''}`.trim();
    if (text === '') {
      this.removeProperty(name);
    } else if (isValue(text) && /^[\w-]+$/.test(name)) {
      const values = this.#values();
      values.set(known(name), priority === '' ? text : `${text} !important`);
      this.#write(values);
    }
  }

  removeProperty(name) {
    const values = this.#values();
    const value = values.get(known(name)) ?? '';
    if (values.delete(known(name))) this.#write(values);
    return value;
  }
}

// `style.backgroundColor` is `background-color`.
const PROPERTIES = {
  get(style, name) {
    if (typeof name === 'symbol') return undefined;
    if (name in style) return typeof style[name] === 'function' ? style[name].bind(style) : style[name];
    return style.getPropertyValue(hyphened(name));
  },
  set(style, name, value) {
    if (name === 'cssText') style.cssText = value;
    else if (typeof name === 'string') style.setProperty(hyphened(name), value);
    return true;
  },
};

const styleOf = (element) => new Proxy(new Style(element), PROPERTIES);

class ClassList {
  #element;

  constructor(element) {
    this.#element = element;
  }

  #names() {
    return new Set(this.value.split(/\s+/).filter(Boolean));
  }

  #change(change) {
    const names = this.#names();
    change(names);
    this.value = [...names].join(' ');
  }

  get value() {
    return this.#element.getAttribute('class') ?? '';
  }

  set value(text) {
    this.#element.setAttribute('class', text);
  }

  get length() {
    return this.#names().size;
  }

  contains(name) {
    return this.#names().has(name);
  }

  add(...added) {
    this.#change((names) => added.forEach((name) => names.add(`${name}`)));
  }

  remove(...removed) {
    if (this.#element.hasAttribute('class')) this.#change((names) => removed.forEach((name) => names.delete(`${name}`)));
  }

  toggle(name, force = !this.contains(name)) {
    if (force) this.add(name);
    else this.remove(name);
    return force;
  }

  [Symbol.iterator]() {
    return this.#names()[Symbol.iterator]();
  }
}

module.exports = { ClassList, styleOf };
