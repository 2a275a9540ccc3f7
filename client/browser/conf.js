// `oc.conf`: what the page decides, over what the registry decided.

import { oc } from './namespace.js';
import { registry } from './registry.js';

// Read once, when the client starts.
export const conf = {};

export function readConf() {
    oc.conf ??= {};
    const own = oc.conf;
    const flag = (value, otherwise) => (typeof value === 'boolean' ? value : otherwise);
    Object.assign(conf, {
        tag: own.tag || 'oc-component',
        retryLimit: own.retryLimit || registry.retryLimit,
        retryInterval: own.retryInterval || registry.retryInterval,
        sendRetryNumber: own.retrySendNumber !== false,
        pollingInterval: own.pollingInterval || 500,
        disableLoader: flag(own.disableLoader, registry.disableLoader),
        disableLifecycles: flag(own.disableLifecycles, false),
        loadingMessage: own.loadingMessage || '',
    });
}

// Parameters of every request: those of the page for all components, then those of this one.
export function withGlobalParameters(parameters) {
    return { ...oc.conf.globalParameters, ...parameters };
}

// `contentType` is for requests with a body: without it a GET needs no preflight.
export function requestHeaders(contentType) {
    const { globalHeaders } = oc.conf;
    return {
        Accept: 'application/vnd.oc.unrendered+json',
        ...(contentType && { 'Content-Type': contentType }),
        ...(typeof globalHeaders === 'function' ? globalHeaders() : globalHeaders),
    };
}
