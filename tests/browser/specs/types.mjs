// A component of every template type on one page, from another origin, by the client that CLIENT
// names on the registry or by npm's: rendered by the browser, and by the registry before.
import assert from 'node:assert/strict';

import { registry, withBrowser, withPage } from '../browser.mjs';
import { chosenClient, document, tag, withApplication } from '../pages.mjs';

// What the button counts at first, and when it was clicked (one stays disabled); `onRegistry`: the
// registry renders it too; `isMadeAnew`: its compiler has no hydration, the browser renders it again.
const cards = {
    'card-es6': { clicks: [2, 3], onRegistry: true },
    'card-handlebars': { clicks: [2, 3], onRegistry: true },
    'card-jade': { clicks: [2], onRegistry: true },
    'card-typescript-react': { clicks: [2, 3], onRegistry: true },
    'card-react': { clicks: [0, 1], onRegistry: true },
    'card-preact': { clicks: [0, 1], onRegistry: true },
    'card-vue': { clicks: [2, 3], onRegistry: true, isMadeAnew: true },
    'card-solid': { clicks: [2, 3], onRegistry: true, isMadeAnew: true },
    'card-svelte': { clicks: [2, 3] },
    'card-esm': { clicks: [2, 3] },
};
const { client, files } = await chosenClient();
// Views of Solid and Svelte look for this tag, or for an id that npm's client sets too late.
const conf = process.env.CLIENT ? {} : { tag: 'oc-component' };

// npm's client loads both versions of React at once, and what needs the one may get the other.
const apart = process.env.CLIENT ? [] : ['card-typescript-react'];

async function rendered(name) {
    const { html, error } = await (await fetch(`${registry}${name}?name=Ada`)).json();
    assert.match(html ?? error, /data-rendered="true"/, name);
    return html;
}

// Elements that are there before any framework are told from those that one makes.
const marks = '<script>document.querySelectorAll("h1").forEach((title) => { title.marked = true; })</script>';

// `isRendered`: the registry has rendered them, and its elements stay when they become interactive.
async function expectCards(browser, body, names, isRendered) {
    await withApplication(() => document(client, body, conf), files, async (url) => {
        await withPage(browser, {}, async (page) => {
            const elsewhere = [];
            page.on('request', (request) => {
                const asked = request.url();
                if (![registry, url, 'data:'].some((origin) => asked.startsWith(origin))) {
                    elsewhere.push(asked);
                }
            });
            await page.goto(url);
            for (const name of names) {
                const card = page.locator(`oc-component[data-name="${name}"][data-rendered="true"]`);
                const [first, then] = cards[name].clicks;
                await card.getByRole('heading', { name: 'Hello Ada' }).waitFor();
                await card.getByRole('button', { name: `${first} clicks` }).waitFor();
                if (then !== undefined) {
                    await card.getByRole('button').click();
                    await card.getByRole('button', { name: `${then} clicks` }).waitFor();
                }
                const marked = await card.getByRole('heading').evaluate((title) => !!title.marked);
                assert.equal(marked, isRendered && !cards[name].isMadeAnew, `${name}: the elements of the registry`);
            }
            assert.deepEqual(elsewhere, [], 'all that the page needs comes from the registry');
        });
    });
}

await withBrowser(async (browser) => {
    const together = Object.keys(cards).filter((name) => !apart.includes(name));
    for (const names of [together, apart].filter(({ length }) => length > 0)) {
        await expectCards(browser, names.map((name) => tag(`${name}?name=Ada`)).join('\n'), names, false);
        const made = names.filter((name) => cards[name].onRegistry);
        const html = await Promise.all(made.map(rendered));
        await expectCards(browser, html.join('\n') + marks, made, true);
    }
});
