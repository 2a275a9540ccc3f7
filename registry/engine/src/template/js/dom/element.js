// Elements: their attributes, and the properties that stand for attributes.
'use strict';
const { ELEMENT, Node, DocumentFragment } = require('ochre/dom/tree');
const { HTML, Reference, content, read, written } = require('ochre/dom/markup');
const { ClassList, styleOf } = require('ochre/dom/style');

const NAME = /^[a-zA-Z][^\s/>\0]*$/;
const ATTRIBUTE = /^[^\s"'<>/=\0]+$/;

function named(name, pattern) {
  const text = `${name}`;
  if (!pattern.test(text)) throw new Error(`'${text}' is not a valid name`);
  return text;
}

class Element extends Node {
  // Values are texts, or references as they were read.
  attributeMap = new Map();
  #style;
  #classList;

  constructor(namespaceURI, localName) {
    super(ELEMENT);
    this.namespaceURI = namespaceURI;
    this.localName = localName;
  }

  get tagName() {
    return this.namespaceURI === HTML ? this.localName.toUpperCase() : this.localName;
  }

  get nodeName() {
    return this.tagName;
  }

  get attributes() {
    return Array.from(this.attributeMap.keys(), (name) => ({ name, value: this.getAttribute(name) }));
  }

  get children() {
    return this.childNodes.filter((child) => child.nodeType === ELEMENT);
  }

  get firstElementChild() {
    return this.children[0] ?? null;
  }

  get childElementCount() {
    return this.children.length;
  }

  get style() {
    return (this.#style ??= styleOf(this));
  }

  set style(text) {
    this.style.cssText = text;
  }

  get classList() {
    return (this.#classList ??= new ClassList(this));
  }

  get dataset() {
    const attribute = (key) => `data-${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    return new Proxy(this, {
      get: (element, key) => (typeof key === 'string' ? (element.getAttribute(attribute(key)) ?? undefined) : undefined),
      has: (element, key) => typeof key === 'string' && element.hasAttribute(attribute(key)),
      set: (element, key, value) => (element.setAttribute(attribute(key), value), true),
      deleteProperty: (element, key) => (element.removeAttribute(attribute(key)), true),
    });
  }

  get innerHTML() {
    return content(this);
  }

  set innerHTML(source) {
    const root = this.content ?? this;
    root.replaceChildren();
    read(source ?? '', root, create);
  }

  get outerHTML() {
    return written(this);
  }

  get innerText() {
    return this.textContent;
  }

  set innerText(text) {
    this.textContent = text;
  }

  #key(name) {
    return this.namespaceURI === HTML ? `${name}`.toLowerCase() : `${name}`;
  }

  getAttribute(name) {
    const value = this.attributeMap.get(this.#key(name));
    return value instanceof Reference ? value.value : (value ?? null);
  }

  getAttributeNames() {
    return [...this.attributeMap.keys()];
  }

  hasAttribute(name) {
    return this.attributeMap.has(this.#key(name));
  }

  setAttribute(name, value) {
    this.attributeMap.set(this.#key(named(name, ATTRIBUTE)), `${value}`);
  }

  removeAttribute(name) {
    this.attributeMap.delete(this.#key(name));
  }

  toggleAttribute(name, force = !this.hasAttribute(name)) {
    if (force) this.setAttribute(name, '');
    else this.removeAttribute(name);
    return force;
  }

  setAttributeNS(_, name, value) {
    this.setAttribute(name, value);
  }

  removeAttributeNS(_, name) {
    this.removeAttribute(name);
  }

  copied() {
    const copy = create(this.namespaceURI, this.localName);
    if (this.attributeMap.size > 0) copy.attributeMap = new Map(this.attributeMap);
    return copy;
  }

  // What asks for a place on the page or for attention there gets neither.
  focus() {}
  blur() {}
  scrollIntoView() {}
}

class Template extends Element {
  content = new DocumentFragment();

  constructor(namespaceURI, localName) {
    super(namespaceURI, localName);
    this.content.host = this;
  }

  cloneNode(isDeep = false) {
    const copy = super.cloneNode(isDeep);
    if (isDeep) copy.content.append(this.content.cloneNode(true));
    return copy;
  }
}

class TextArea extends Element {
  get value() {
    return this.textContent;
  }

  set value(text) {
    this.textContent = text;
  }
}

class Select extends Element {
  #options(parent) {
    return parent.children.flatMap((child) => (child.localName === 'option' ? [child] : this.#options(child)));
  }

  get options() {
    return this.#options(this);
  }

  get value() {
    const { options } = this;
    const chosen = options.find((option) => option.hasAttribute('selected')) ?? options[0];
    return chosen === undefined ? '' : (chosen.getAttribute('value') ?? chosen.textContent);
  }

  set value(value) {
    for (const option of this.options) {
      option.toggleAttribute('selected', (option.getAttribute('value') ?? option.textContent) === `${value}`);
    }
  }
}

class Head extends Element {}

const CLASSES = new Map([
  ['head', Head],
  ['select', Select],
  ['template', Template],
  ['textarea', TextArea],
]);

function create(namespace, name) {
  const Class = (namespace === HTML && CLASSES.get(name)) || Element;
  return new Class(namespace, name);
}

// Properties of elements that say what an attribute of theirs says. What a form starts with is an
// attribute here too, because HTML cannot say it otherwise.
const TEXTS =
  'id title lang dir href src srcset sizes alt name type rel target placeholder value role width height ' +
  'action method download loading pattern min max step slot';
const FLAGS =
  'allowFullscreen async autofocus autoplay checked controls default defer disabled formNoValidate hidden inert ' +
  'isMap loop multiple muted noModule noValidate open playsInline readOnly required reversed selected';
const OTHERS = { className: 'class', htmlFor: 'for', tabIndex: 'tabindex', defaultValue: 'value' };

function reflect(property, descriptor) {
  Object.defineProperty(Element.prototype, property, { configurable: true, ...descriptor });
}

for (const [property, name] of [...TEXTS.split(' ').map((text) => [text, text]), ...Object.entries(OTHERS)]) {
  reflect(property, {
    get() {
      return this.getAttribute(name) ?? '';
    },
    set(value) {
      this.setAttribute(name, value ?? '');
    },
  });
}
for (const property of FLAGS.split(' ')) {
  reflect(property, {
    get() {
      return this.hasAttribute(property);
    },
    set(value) {
      this.toggleAttribute(property.toLowerCase(), Boolean(value));
    },
  });
}

module.exports = {
  classes: {
    Element,
    HTMLElement: Element,
    HTMLHeadElement: Head,
    HTMLSelectElement: Select,
    HTMLTemplateElement: Template,
    HTMLTextAreaElement: TextArea,
    SVGElement: Element,
  },
  created: (name) => create(HTML, named(name, NAME).toLowerCase()),
  createdIn: (namespace, name) => create(namespace ?? HTML, named(name, NAME)),
};
