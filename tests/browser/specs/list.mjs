// The list of 5,000 components: found by typing, by choosing, with the keyboard, without scripts.
import assert from 'node:assert/strict';
import {
    expectAccessible,
    expectWellMade,
    inEveryLook,
    registry,
    withBrowser,
    withPage,
} from '../browser.mjs';

const rows = (page) => page.locator('#components-list > li');
const summary = (page, text) => page.locator('#summary', { hasText: text }).waitFor();

await withBrowser(async (browser) => {
    await inEveryLook(browser, async (page, look, colorScheme) => {
        for (const path of ['', '?view=history']) {
            await page.goto(registry + path);
            await expectWellMade(page, `${path} ${look}`);
        }
        const background = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
        const channel = Number(background.match(/\d+/)[0]);
        assert.equal(channel < 128, colorScheme === 'dark', `${look}: ${background}`);
    });

    await withPage(browser, {}, async (page) => {
        await page.goto(registry);
        assert.equal(await rows(page).count(), 50);
        await page.getByLabel('Search').fill('nothing like this');
        await summary(page, 'No component fits.');
        await expectAccessible(page, 'nothing found');
        await page.getByLabel('Search').fill('');
        await summary(page, /of 5,00\d/);
        await page.getByRole('heading', { level: 1 }).click();
        await page.keyboard.press('/');
        await page.keyboard.type('component-0042');
        await summary(page, '1–1 of 1 that fit');
        assert.match(page.url(), /\?q=component-0042$/);
        await page.getByLabel('Search').fill('');
        await summary(page, /of 5,00\d/);
        await page.getByLabel('State').selectOption('deprecated');
        await summary(page, 'of 500 that fit');
        assert.equal(await rows(page).locator('[data-state=deprecated]').count(), 50);
        await page.getByRole('link', { name: 'Next page' }).click();
        await summary(page, '51–100 of 500');
        await rows(page).getByRole('link').first().focus();
        await page.keyboard.press('Enter');
        await page.getByRole('heading', { level: 1, name: /component-/ }).waitFor();
    }, /oc-client\/client\.js/);

    await withPage(browser, { colorScheme: 'light' }, async (page) => {
        await page.goto(registry);
        await page.getByRole('button', { name: 'Use dark theme' }).click();
        await page.reload();
        await page.getByRole('button', { name: 'Use light theme' }).waitFor();
        assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), 'dark');
        await expectAccessible(page, 'dark by choice');
    });

    await withPage(browser, { javaScriptEnabled: false }, async (page) => {
        await page.goto(registry);
        await page.getByLabel('Search').fill('component-0042');
        await page.getByRole('button', { name: 'Search' }).click();
        await summary(page, '1–1 of 1 that fit');
    });
});
