// A Node server with npm `oc-client`: it renders on the server, and leaves it to the browser when
// its registry is away.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';

import { registry, withBrowser, withPage } from '../browser.mjs';
import { document, withApplication } from '../pages.mjs';

const require = createRequire(`${process.env.NODE_MODULES}/`);
const Client = require('oc-client');
const browserClient = `${registry}oc-client/client.js`;

// Port 9 of the own machine: nobody is there.
const nowhere = 'http://127.0.0.1:9/';
const nodeClient = (serverRendering) =>
    new Client({ registries: { serverRendering, clientRendering: registry }, components: { echo: '1.x.x' } });

const render = (client, name) =>
    new Promise((resolve) => {
        const options = { container: true, parameters: { say: 'hello' } };
        client.renderComponent(name, options, (error, html) => resolve({ error, html }));
    });

const warm = nodeClient(registry);
await new Promise((resolve, reject) => {
    warm.init({}, (error) => (error ? reject(new Error(JSON.stringify(error))) : resolve()));
});
const rendered = await render(warm, 'echo');
assert.equal(rendered.error, null);
assert.match(rendered.html, /<p class="echo">hello<\/p>/);

const left = await render(nodeClient(nowhere), 'echo');
assert.ok(left.error, 'the registry is away');
assert.match(left.html, /<oc-component href="[^"]*echo\/1\.x\.x/);

for (const [html, asks] of [[rendered.html, 0], [left.html, 1]]) {
    // The registry's client comes first; the one that npm's client writes into the page then rests.
    const page = document(browserClient, '').replace('</body>', `${html}</body>`);
    await withApplication(() => page, {}, async (url) => {
        await withBrowser(async (browser) => {
            await withPage(browser, {}, async (page) => {
                const asked = [];
                page.on('request', (request) => asked.push(request.url()));
                await page.goto(url);
                await page.locator('.echo', { hasText: 'hello' }).waitFor();
                assert.equal(asked.filter((url) => url.includes('/echo/1.x.x')).length, asks);
            });
        });
    });
}
