// A page that one render fills, with what scripts expect around it. Nothing happens on it: what waits
// for a time, an event or the network waits for the browser.
'use strict';
const { Node, Text, Comment, DocumentFragment } = require('ochre/dom/tree');
const { classes, created, createdIn } = require('ochre/dom/element');

const DOCUMENT = 9;

class Document extends Node {
  constructor() {
    super(DOCUMENT);
    this.head = created('head');
    this.body = created('body');
    this.documentElement = created('html');
    this.documentElement.append(this.head, this.body);
    this.activeElement = this.body;
    this.cookie = '';
    this.title = '';
    this.readyState = 'loading';
  }

  get nodeName() {
    return '#document';
  }

  get defaultView() {
    return globalThis;
  }

  createElement(name) {
    return created(name);
  }

  createElementNS(namespace, name) {
    return createdIn(namespace, name);
  }

  createTextNode(text) {
    return new Text(text);
  }

  createComment(text) {
    return new Comment(text);
  }

  createDocumentFragment() {
    return new DocumentFragment();
  }

  importNode(node, isDeep) {
    return node.cloneNode(isDeep);
  }

  adoptNode(node) {
    node.remove();
    return node;
  }

  getElementById() {
    return null;
  }
}

const nothing = () => {};
const never = () => 0;

// Makes the realm look like a page, once.
function install() {
  const globals = { ...classes, Comment, Document, DocumentFragment, Node, Text };
  const idle = { setTimeout: never, setInterval: never, requestAnimationFrame: never, queueMicrotask: nothing };
  const ended = { clearTimeout: nothing, clearInterval: nothing, cancelAnimationFrame: nothing };
  const events = { addEventListener: nothing, removeEventListener: nothing, dispatchEvent: () => true };
  const elements = { define: nothing, get: nothing, whenDefined: () => new Promise(nothing) };
  Object.assign(globalThis, globals, idle, ended, events, { customElements: elements });
  globalThis.window = globalThis.self = globalThis;
}

// Opens a page that nobody has touched.
function open() {
  globalThis.document = new Document();
  return globalThis.document;
}

module.exports = { install, open };
