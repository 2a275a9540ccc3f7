// Pages of an application: served from an origin that is not the registry's.
import { createServer } from 'node:http';
import { createRequire } from 'node:module';

import { registry } from './browser.mjs';

/** Runs `work(url)` while a server answers `/` with `page()`, and other paths with `files`. */
export async function withApplication(page, files, work) {
    const server = createServer(async (request, response) => {
        const file = files[request.url];
        const type = file === undefined ? 'text/html' : 'text/javascript';
        response.setHeader('content-type', `${type}; charset=utf-8`);
        response.end(file ?? (request.url === '/' ? await page() : ''));
    });
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
        await work(`http://127.0.0.1:${server.address().port}/`);
    } finally {
        server.closeAllConnections();
        server.close();
    }
}

/**
 * The URL of the client that CLIENT names on the registry; without it, of npm `oc-client-browser`,
 * and the files that the application then serves.
 */
export async function chosenClient() {
    const own = process.env.CLIENT;
    return own ? { client: registry + own, files: {} } : { client: '/client.js', files: { '/client.js': await npmClient() } };
}

// npm's client is compiled with what the registry tells of its templates, as OC's registry does.
async function npmClient() {
    const require = createRequire(`${process.env.NODE_MODULES}/`);
    const answer = await fetch(`${registry}oc-client`, { headers: { accept: 'application/vnd.oc.unrendered+json' } });
    const { templates } = (await answer.json()).data.component.props;
    const compiled = await require('oc-client-browser').compile({
        templates: Object.fromEntries(templates.map(({ type, externals }) => [type, { externals }])),
    });
    return compiled.code;
}

/** The markup of a component of the registry. */
export const tag = (path, attributes = '') => `<oc-component href="${registry}${path}" ${attributes}></oc-component>`;

/** A page with `conf` as `oc.conf`, `body`, and the client at `client`. */
export const document = (client, body, conf = {}) => `<!doctype html><html lang="en"><head><title>page</title>
<link rel="icon" href="data:,">
<script>window.oc = { conf: ${JSON.stringify(conf)}, cmd: [] }; window.seen = [];
oc.cmd.push((oc) => ['oc:rendered', 'oc:failed', 'oc:error', 'oc:unrendered'].forEach((type) =>
    oc.events.on(type, (event, data) => seen.push([event.type, data?.name ?? data?.id]))));
</script></head><body>${body}<script src="${client}"></script></body></html>`;
