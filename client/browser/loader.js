// `window.ljs`: loads scripts and style sheets, each URL once.
//
// A URL may begin with `module:`, and may name another to try when it fails: `a.js#=b.js`.

import { nonce } from './namespace.js';

export class Loader {
    loaded = new Set();
    errors = new Set();
    #loading = new Map();

    // Steps, one after another: a URL, an array of URLs to load at once, or a function to call.
    async load(...steps) {
        for (const step of steps) {
            if (typeof step === 'function') {
                await step();
            } else {
                await Promise.all([step].flat().map((url) => this.#once(url)));
            }
        }
        return this;
    }

    onError(listener) {
        this.errors.add(listener);
        return this;
    }

    #once(url) {
        if (this.loaded.has(url)) {
            return undefined;
        }
        if (!this.#loading.has(url)) {
            const loading = this.#fetch(url).finally(() => this.#loading.delete(url));
            this.#loading.set(url, loading);
        }
        return this.#loading.get(url);
    }

    async #fetch(url) {
        try {
            await (/\.css($|[?#])/.test(url) ? this.#css(url) : this.#js(url));
            this.loaded.add(url);
        } catch (error) {
            for (const listener of this.errors) {
                listener(url);
            }
            throw error;
        }
    }

    async #js(url) {
        const [path, hash = ''] = url.split('#');
        const isModule = path.startsWith('module:');
        const script = document.createElement('script');
        script.type = isModule ? 'module' : 'text/javascript';
        script.src = isModule ? path.slice('module:'.length) : path;
        try {
            await settled(script);
        } catch (error) {
            if (!hash.startsWith('=')) {
                throw error;
            }
            await this.#once(hash.slice(1));
        }
    }

    #css(url) {
        const link = document.createElement('link');
        link.rel = 'stylesheet';
        link.href = url;
        return settled(link);
    }
}

function settled(element) {
    return new Promise((resolve, reject) => {
        if (nonce) {
            element.setAttribute('nonce', nonce);
        }
        element.onload = resolve;
        element.onerror = () => reject(new Error(`could not load ${element.src || element.href}`));
        document.head.append(element);
    });
}
