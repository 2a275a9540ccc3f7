// `oc.getData` and `oc.getAction`: a component's data without its view.

import { demand } from './build.js';
import { requestHeaders, withGlobalParameters } from './conf.js';
import { bodyOf, errorFrom } from './exchange.js';
import { callSafely } from './log.js';
import { oc } from './namespace.js';

// What the registry adds to the props of every component.
const OWN_PROPS = ['_staticPath', '_baseUrl', '_componentName', '_componentVersion'];

// `callback(error, data, entry)`; `entry` is the whole answer to the one component.
export function getData(options, callback = () => {}) {
    demand('version', options.version);
    demand('baseUrl', options.baseUrl);
    demand('name', options.name);

    const answered = options.action ? act(options) : askForData(options);
    answered.then(
        ({ response, entry }) => {
            const error = response.error ? errorFrom(response.details || response.error) : null;
            callSafely(callback, error, response.data, ...entry);
        },
        (error) => callSafely(callback, error),
    );
}

async function askForData({ baseUrl, name, version, parameters, signal }) {
    const entry = { name, version, parameters: withGlobalParameters(parameters) };
    const body = await post(baseUrl, { components: [entry] }, signal);
    // A batch that is refused as a whole is no list.
    return Array.isArray(body)
        ? { response: body[0].response, entry: [body[0]] }
        : { response: body, entry: [] };
}

async function act({ baseUrl, action, name, version, parameters, signal }) {
    const url = `${baseUrl}~actions/${action}/${name}/${version}`;
    const response = await post(url, withGlobalParameters(parameters), signal);
    return { response, entry: [] };
}

async function post(url, body, signal) {
    const request = {
        method: 'POST',
        headers: requestHeaders('application/json'),
        body: JSON.stringify(body),
        signal,
    };
    return bodyOf(await fetch(url, request));
}

// Calls an action of a component that is on the page, or of one that is told whole.
export function getAction(options) {
    return new Promise((resolve, reject) => {
        const name = options.component;
        getData({ name, ...renderedAs(name), ...options }, (error, data) => {
            if (error) {
                reject(error);
            } else {
                resolve(data?.component && ownProps(data.component.props));
            }
        });
    });
}

// Pages rendered by a server tell the version alone.
function renderedAs(name) {
    const rendered = oc.renderedComponents[name];
    return typeof rendered === 'string' ? { version: rendered } : rendered;
}

function ownProps(props) {
    const entries = Object.entries(props ?? {});
    return Object.fromEntries(entries.filter(([key]) => !OWN_PROPS.includes(key)));
}
