// One page with components of every kind, from another origin, by the client that CLIENT names on
// the registry; without it, by npm `oc-client-browser`.
import assert from 'node:assert/strict';

import { registry, withBrowser, withPage } from '../browser.mjs';
import { chosenClient, document, tag, withApplication } from '../pages.mjs';

const body = [
    tag('counter'),
    tag('streamed', 'id="streamed"'),
    tag('adding'),
    tag('echo/1.x.x?say=a%26b'),
    tag('module', 'id="module"'),
    tag('hello-es6?name=Ada'),
    tag('hello-handlebars?name=Ada'),
    tag('hello-legacy?name=Ada'),
    '<div id="later"></div>',
].join('\n');
const { client, files } = await chosenClient();
const conf = { globalParameters: { everywhere: 'yes' } };

await withApplication(() => document(client, body, conf), files, async (url) => {
    await withBrowser(async (browser) => {
        await withPage(browser, {}, async (page) => {
            await page.goto(url);
            await page.waitForFunction(() => document.querySelectorAll('[data-rendered="true"]').length === 8);
            const text = (selector) => page.locator(selector).innerText();

            await page.locator('button').click();
            await page.locator('button').click();
            assert.equal(await text('button'), '2');
            await page.locator('#streamed i', { hasText: 'late' }).waitFor();
            assert.equal(await text('.echo'), 'a&b');
            assert.equal(await text('.module'), 'mounted');
            // A handlebars view without a provider has its parameters below `component.props`.
            for (const [name, shown] of [['hello-es6', /Ada/], ['hello-handlebars', /Hello/], ['hello-legacy', /Hello/]]) {
                assert.match(await text(`[data-name="${name}"]`), shown, name);
            }

            const shown = await page.evaluate(async () => {
                const { baseUrl, version } = oc.renderedComponents.adding;
                const data = await new Promise((resolve, reject) => {
                    const parameters = { say: 'data' };
                    oc.getData({ baseUrl, name: 'echo', version: '1.0.0', parameters }, (error, data) =>
                        error ? reject(error) : resolve(data.component.props));
                });
                return {
                    version,
                    data,
                    action: await oc.getAction({ component: 'adding', action: 'add', parameters: { a: 2, b: 3 } }),
                    path: oc._esm['module@1.0.0']('x.png'),
                };
            });
            assert.deepEqual(shown.action, { sum: 5 });
            assert.equal(shown.version, '1.0.0');
            assert.equal(shown.data.said, 'data');
            assert.equal(shown.path, `${registry}~assets/module/1.0.0/public/x.png`);

            await page.evaluate((href) => oc.load(document.getElementById('later'), href), `${registry}echo?say=later`);
            await page.locator('#later .echo', { hasText: 'later' }).waitFor();
            await page.evaluate(() => document.querySelector('[data-name="module"]').remove());
            await page.waitForFunction(() => window.unmounted && seen.some(([type]) => type === 'oc:unrendered'));
        });
    });
});
