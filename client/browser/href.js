// `oc.renderByHref`: asks a registry for a component and renders it, again and again if it must.

import { conf, requestHeaders, withGlobalParameters } from './conf.js';
import { bodyOf, withQuery } from './exchange.js';
import { callSafely, logDebug, logFailure } from './log.js';
import { mount } from './module.js';
import { oc } from './namespace.js';

const TOO_MANY_REQUESTS = 429;
const ID_MAX = 9999999999;

// `target`: a URL, or `{ href, id, element, retryNumber, retryLimit }`.
//
// `callback(error, rendered)`: errors are text.
export function renderByHref(target, retryNumberOrCallback, callback = retryNumberOrCallback) {
    const ocId = Math.floor(Math.random() * ID_MAX);
    const work = {
        href: target.href || target,
        id: target.id || ocId,
        ocId,
        element: target.element,
        retryNumber: target.retryNumber || Number(retryNumberOrCallback) || 0,
        retriesLeft: target.retryLimit ?? conf.retryLimit,
        retries: 0,
        callback: (...result) => callSafely(callback, ...result),
    };
    oc.ready(() => {
        if (typeof work.href === 'string' && work.href !== '') {
            attempt(work);
        } else {
            work.callback('Error rendering component: %, error: Href parameter missing');
        }
    });
}

async function attempt(work) {
    let answer;
    try {
        answer = await ask(work);
    } catch (failure) {
        retry(work, failure);
        return;
    }
    renderAnswer(answer, work);
}

// The answer; or throws what failed, which is told with `oc:error`.
async function ask({ href, retryNumber }) {
    const number = conf.sendRetryNumber ? { __oc_Retry: retryNumber } : {};
    const url = withQuery(href, { ...withGlobalParameters(), ...number });
    const response = await fetch(url, { headers: requestHeaders() });
    const answer = await bodyOf(response);
    if (answer.error) {
        throw response.status === TOO_MANY_REQUESTS
            ? { status: TOO_MANY_REQUESTS, ...answer }
            : answer;
    }
    return answer;
}

function retry(work, failure) {
    oc.events.fire('oc:error', failure);
    const refused = Number(failure?.status) === TOO_MANY_REQUESTS;
    if (refused || work.retriesLeft <= 0) {
        logFailure(`Failed to retrieve the component ${work.href}`);
        work.callback(
            `Failed to load ${work.href} component ${conf.retryLimit} times. Giving up`,
        );
        return;
    }
    const seconds = conf.retryInterval / 1000;
    logFailure(`Failed to retrieve the component. Retrying in ${seconds} seconds...`);
    work.retriesLeft -= 1;
    work.retries += 1;
    work.retryNumber = work.retries;
    setTimeout(() => attempt(work), conf.retryInterval);
}

// Views are put in place in the same turn in which they are rendered: what they do next may rely
// on it.
function renderAnswer(answer, { id, ocId, element, callback }) {
    const { baseUrl, data, href, name, template, version } = answer;
    const fail = (error) => callback(`Error rendering component: ${href}, error: ${error}`);
    const succeed = (part) => {
        logDebug(`Component '${template?.src ?? href}' correctly rendered`);
        callback(null, { id, ocId, baseUrl, key: template?.key, version, name, ...part });
    };
    const model = { ...data, id: ocId, element };
    if (answer.renderMode === 'rendered' && typeof answer.html === 'string') {
        succeed(fromHtml(answer.html));
    } else if (!template) {
        fail('the registry answered without a view');
    } else if (data?.component?.esm) {
        mount(model).then(() => succeed({}), fail);
    } else {
        // By it the views of Solid and Svelte find their element while they render.
        element?.setAttribute('data-id', ocId);
        oc.render(template, model, (error, html) => (error ? fail(error) : succeed({ html })));
    }
}

// HTML from the registry may bring the component's element around it.
function fromHtml(html) {
    const parsed = document.createElement('template');
    parsed.innerHTML = html;
    const container = parsed.content.firstElementChild;
    if (container?.localName !== 'oc-component') {
        return { html };
    }
    return { html: container.innerHTML, key: container.dataset.hash };
}
