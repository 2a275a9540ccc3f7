// The preview page: the component, or why there is none; nothing of the address becomes markup.
import assert from 'node:assert/strict';
import { expectAccessible, registry, withBrowser, withPage } from '../browser.mjs';

const evil = '"><script>window.hacked = true</script><img src=x onerror="window.hacked = true">';

await withBrowser(async (browser) => {
    for (const colorScheme of ['light', 'dark']) {
        await withPage(browser, { colorScheme }, async (page) => {
            await page.goto(`${registry}article/~preview?title=Ada`);
            await page.getByRole('heading', { name: 'Ada' }).waitFor();
            await expectAccessible(page, colorScheme);
            assert.equal(await page.locator('#oc-error-overlay').count(), 0);
        });
    }

    await withPage(browser, {}, async (page) => {
        const query = new URLSearchParams({ title: evil, [evil]: evil });
        await page.goto(`${registry}article/~preview?${query}`);
        await page.getByRole('heading').waitFor();
        assert.equal(await page.evaluate(() => window.hacked), undefined);
    });

    // The title is mandatory: the registry answers 400, which the browser reports too.
    await withPage(
        browser,
        {},
        async (page) => {
            await page.goto(`${registry}article/~preview`);
            const overlay = page.getByRole('alert');
            await overlay.getByText('Expected mandatory parameters are missing: title').waitFor();
            await overlay.getByRole('button', { name: 'Dismiss' }).click();
            await overlay.waitFor({ state: 'detached' });
        },
        /./,
    );
});
