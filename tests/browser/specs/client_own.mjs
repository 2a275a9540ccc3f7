// What the registry's own client does beside rendering: waiting, giving up, taking HTML.
import assert from 'node:assert/strict';

import { registry, withBrowser, withPage } from '../browser.mjs';
import { document, tag, withApplication } from '../pages.mjs';

const client = `${registry}oc-client/client.js`;
const conf = { retryInterval: 20, retryLimit: 2 };
const body = [
    tag('failing'),
    tag('echo?say=first', 'class="same"'),
    '<div style="height: 4000px"></div>',
    tag('echo?say=lazy', 'loading="lazy" id="lazy"'),
    tag('echo?say=manual', 'disable-lifecycle id="manual"'),
].join('\n');

await withApplication(() => document(client, body, conf), {}, async (url) => {
    await withBrowser(async (browser) => {
        const asked = [];
        const refused = /status of 500/;
        await withPage(browser, {}, async (page) => {
            page.on('request', (request) => asked.push(`${request.method()} ${request.url()}`));
            await page.goto(url);

            await page.locator('[data-failed="true"]').waitFor({ state: 'attached' });
            const failing = asked.filter((request) => request.includes('/failing'));
            assert.deepEqual(failing.map((request) => request.split('__oc_Retry=')[1]), ['0', '1', '2']);
            const seen = await page.evaluate(() => window.seen.map(([type]) => type));
            assert.equal(seen.filter((type) => type === 'oc:error').length, 3);
            assert.equal(seen.filter((type) => type === 'oc:failed').length, 1);
            assert.ok(!asked.some((request) => request.startsWith('OPTIONS')), 'a GET needs no preflight');

            await page.locator('.same .echo', { hasText: 'first' }).waitFor();
            assert.ok(!asked.some((request) => request.includes('say=lazy')), 'it is not seen yet');
            await page.locator('#lazy').scrollIntoViewIfNeeded();
            await page.locator('.echo', { hasText: 'lazy' }).waitFor();
        }, refused);

        await withPage(browser, {}, async (page) => {
            // As a fallback registry, or an older one, may answer.
            await page.route(/say=first/, (route) => route.fulfill({
                headers: { 'access-control-allow-origin': '*' },
                json: {
                    name: 'echo', version: '9.0.0', baseUrl: registry, renderMode: 'rendered',
                    html: '<oc-component data-hash="k"><p>by a server</p><script>window.ran = true</script></oc-component>',
                },
            }));
            await page.goto(url);
            await page.locator('.same p', { hasText: 'by a server' }).waitFor();
            assert.equal(await page.locator('oc-component oc-component').count(), 0);
            assert.equal(await page.evaluate(() => window.ran), true);
            assert.equal(await page.locator('.same').getAttribute('data-hash'), 'k');
        }, refused);

        await withPage(browser, {}, async (page) => {
            let refusals = 0;
            await page.route(/say=first/, (route) => {
                refusals += 1;
                return route.fulfill({
                    status: 429,
                    headers: { 'access-control-allow-origin': '*' },
                    json: { error: 'enough' },
                });
            });
            await page.goto(url);
            await page.locator('.same[data-failed="true"]').waitFor({ state: 'attached' });
            assert.equal(refusals, 1, 'it is not asked again');
        }, /status of (500|429)/);
    });
});
