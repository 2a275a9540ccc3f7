// The page of one release: its form, its code to paste, its preview.
import assert from 'node:assert/strict';
import { expectWellMade, inEveryLook, registry, withBrowser, withPage } from '../browser.mjs';

const url = `${registry}${process.env.COMPONENT}/~info`;
const code = (page, text) => page.locator('#code-url', { hasText: text }).waitFor();
const previewed = (page, text) =>
    page.waitForFunction((text) => document.getElementById('preview').contentWindow.location.search.includes(text), text);

await withBrowser(async (browser) => {
    await inEveryLook(browser, async (page, what) => {
        await page.goto(url);
        await expectWellMade(page, what);
    });

    await withPage(browser, {}, async (page) => {
        await page.goto(url);
        await code(page, 'name=Ada');
        await page.getByLabel('name').fill('Grace & "Co"');
        await code(page, 'name=Grace%20%26%20%22Co%22');
        await previewed(page, 'name=Grace%20%26%20%22Co%22');
        await page.getByLabel('size').selectOption('large');
        await code(page, 'size=large');
        await previewed(page, 'size=large');
        await page.getByLabel('name').fill('');
        await page.locator('#code-url', { hasNotText: 'name=' }).waitFor();
        // What is typed is in the address, so that it can be shared.
        await page.reload();
        assert.equal(await page.getByLabel('size').inputValue(), 'large');
        assert.equal(await page.getByLabel('name').inputValue(), '');
        await page.getByRole('button', { name: 'Phone' }).click();
        const width = await page.locator('#preview').evaluate((frame) => frame.clientWidth);
        assert.equal(width, 375);
        // Without its mandatory name the component is refused, in the preview too.
    }, /status of 400 .*[?]size=large/);

    await withPage(browser, { permissions: ['clipboard-read', 'clipboard-write'] }, async (page) => {
        await page.goto(url);
        await page.getByRole('button', { name: 'Copy code: URL' }).click();
        await page.getByRole('button', { name: 'Copied' }).waitFor();
        assert.match(await page.evaluate(() => navigator.clipboard.readText()), /name=Ada/);
    });

    await withPage(browser, { javaScriptEnabled: false }, async (page) => {
        await page.goto(url);
        await page.getByLabel('name').fill('Grace');
        await page.getByRole('button', { name: 'Show' }).click();
        await code(page, 'name=Grace');
    });
});
