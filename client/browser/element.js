// The custom element `<oc-component>`: renders itself on the page, and cleans up when it leaves.

import { conf } from './conf.js';
import { isRendering } from './nested.js';
import { oc } from './namespace.js';

export function defineElement() {
    if (window.customElements && !customElements.get(conf.tag)) {
        customElements.define(conf.tag, createElementClass());
    }
}

// Made late, because a base class is looked up at once and servers have none.
function createElementClass() {
    return class extends HTMLElement {
        #isManaged = !conf.disableLifecycles;
        #observer;

        connectedCallback() {
            const own = this.getAttribute('disable-lifecycle');
            if (own === 'true' || own === '') {
                this.#isManaged = false;
            } else if (own === 'false') {
                this.#isManaged = true;
            }
            if (!this.#isManaged || isRendering(this)) {
                return;
            }
            if (this.getAttribute('loading') === 'lazy') {
                this.#renderWhenSeen();
            } else {
                this.#render();
            }
        }

        disconnectedCallback() {
            this.#observer?.disconnect();
            // An element that is moved is connected again at once.
            setTimeout(() => {
                if (!this.isConnected) {
                    this.#leave();
                }
            });
        }

        #render() {
            oc.renderNestedComponent(this, () => {});
        }

        #renderWhenSeen() {
            this.#observer = new IntersectionObserver((entries) => {
                if (entries.some((entry) => entry.isIntersecting)) {
                    this.#observer.disconnect();
                    this.#render();
                }
            });
            this.#observer.observe(this);
        }

        #leave() {
            const id = this.getAttribute('id');
            if (id) {
                oc.events.fire('oc:unrendered', { element: this, id });
            }
            const isRendered = this.getAttribute('data-rendered') === 'true';
            if (this.#isManaged && isRendered && this.unmount) {
                this.unmount();
                this.removeAttribute('data-rendered');
            }
        }
    };
}
