// The nodes of a document that is only ever written down: a tree, and nothing of layout, events or
// selectors.
'use strict';

const ELEMENT = 1;
const TEXT = 3;
const COMMENT = 8;
const FRAGMENT = 11;

const asNode = (value) => (value instanceof Node ? value : new Text(`${value}`));

class Node {
  constructor(nodeType) {
    this.nodeType = nodeType;
    this.parentNode = null;
    this.firstChild = null;
    this.lastChild = null;
    this.previousSibling = null;
    this.nextSibling = null;
  }

  get ownerDocument() {
    return globalThis.document;
  }

  get parentElement() {
    return this.parentNode?.nodeType === ELEMENT ? this.parentNode : null;
  }

  get childNodes() {
    const nodes = [];
    for (let child = this.firstChild; child !== null; child = child.nextSibling) nodes.push(child);
    return nodes;
  }

  get isConnected() {
    return this.getRootNode() === globalThis.document?.documentElement;
  }

  get nodeValue() {
    return null;
  }

  get textContent() {
    let text = '';
    for (let child = this.firstChild; child !== null; child = child.nextSibling) {
      if (child.nodeType !== COMMENT) text += child.textContent;
    }
    return text;
  }

  set textContent(text) {
    this.replaceChildren(...(text == null || text === '' ? [] : [text]));
  }

  getRootNode() {
    let root = this;
    while (root.parentNode !== null) root = root.parentNode;
    return root;
  }

  hasChildNodes() {
    return this.firstChild !== null;
  }

  contains(other) {
    for (let node = other ?? null; node !== null; node = node.parentNode) {
      if (node === this) return true;
    }
    return false;
  }

  appendChild(child) {
    return this.insertBefore(child, null);
  }

  insertBefore(child, before) {
    if (!(child instanceof Node)) throw new TypeError('what is inserted is no node');
    const next = before ?? null;
    if (next !== null && next.parentNode !== this) throw new Error('the node to insert before is no child of this one');
    if (child.firstChild !== null && child.contains(this)) throw new Error('a node cannot be inserted into itself');
    if (child.nodeType === FRAGMENT) {
      while (child.firstChild !== null) this.#link(child.firstChild, next);
    } else if (child !== next) {
      this.#link(child, next);
    }
    return child;
  }

  #link(child, next) {
    child.parentNode?.removeChild(child);
    const previous = next === null ? this.lastChild : next.previousSibling;
    child.parentNode = this;
    child.previousSibling = previous;
    child.nextSibling = next;
    if (previous === null) this.firstChild = child;
    else previous.nextSibling = child;
    if (next === null) this.lastChild = child;
    else next.previousSibling = child;
  }

  removeChild(child) {
    if (child?.parentNode !== this) throw new Error('the node to remove is no child of this one');
    const { previousSibling, nextSibling } = child;
    if (previousSibling === null) this.firstChild = nextSibling;
    else previousSibling.nextSibling = nextSibling;
    if (nextSibling === null) this.lastChild = previousSibling;
    else nextSibling.previousSibling = previousSibling;
    child.parentNode = child.previousSibling = child.nextSibling = null;
    return child;
  }

  replaceChild(child, old) {
    if (child === old) return old;
    this.insertBefore(child, old);
    return this.removeChild(old);
  }

  append(...values) {
    for (const value of values) this.insertBefore(asNode(value), null);
  }

  prepend(...values) {
    const first = this.firstChild;
    for (const value of values) this.insertBefore(asNode(value), first);
  }

  replaceChildren(...values) {
    while (this.firstChild !== null) this.removeChild(this.firstChild);
    this.append(...values);
  }

  before(...values) {
    for (const value of values) this.parentNode?.insertBefore(asNode(value), this);
  }

  after(...values) {
    const next = this.nextSibling;
    for (const value of values) this.parentNode?.insertBefore(asNode(value), next);
  }

  replaceWith(...values) {
    this.before(...values);
    this.remove();
  }

  remove() {
    this.parentNode?.removeChild(this);
  }

  cloneNode(isDeep = false) {
    const copy = this.copied();
    if (isDeep) {
      for (let child = this.firstChild; child !== null; child = child.nextSibling) {
        copy.insertBefore(child.cloneNode(true), null);
      }
    }
    return copy;
  }

  // Nothing happens in a document that nobody sees.
  addEventListener() {}
  removeEventListener() {}
  dispatchEvent() {
    return true;
  }

  querySelector() {
    return null;
  }

  querySelectorAll() {
    return [];
  }
}

// Nodes with a text of their own and no children.
class CharacterData extends Node {
  // The markup that the text was read from, as long as it is that text.
  source = undefined;
  #data;

  constructor(nodeType, text) {
    super(nodeType);
    this.#data = `${text}`;
  }

  get data() {
    return this.#data;
  }

  set data(text) {
    this.#data = `${text}`;
    this.source = undefined;
  }

  get nodeValue() {
    return this.data;
  }

  set nodeValue(text) {
    this.data = text ?? '';
  }

  get textContent() {
    return this.data;
  }

  set textContent(text) {
    this.data = text ?? '';
  }

  get length() {
    return this.data.length;
  }

  copied() {
    const copy = new this.constructor(this.#data);
    copy.source = this.source;
    return copy;
  }
}

class Text extends CharacterData {
  constructor(text = '') {
    super(TEXT, text);
  }

  get nodeName() {
    return '#text';
  }
}

class Comment extends CharacterData {
  constructor(text = '') {
    super(COMMENT, text);
  }

  get nodeName() {
    return '#comment';
  }
}

class DocumentFragment extends Node {
  constructor() {
    super(FRAGMENT);
  }

  get nodeName() {
    return '#document-fragment';
  }

  copied() {
    return new DocumentFragment();
  }
}

module.exports = { ELEMENT, TEXT, COMMENT, FRAGMENT, Node, Text, Comment, DocumentFragment };
