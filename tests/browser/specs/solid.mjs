// What the registry renders of a component of Solid is what a browser makes of it, in which the same
// HTML is read: the registry has a small document of its own to render it with.
import assert from 'node:assert/strict';

import { registry, withBrowser, withPage } from '../browser.mjs';
import { chosenClient, document, tag, withApplication } from '../pages.mjs';

const { client } = await chosenClient();

// What authors put into `innerHTML`, and browsers mend in their own ways.
const markups = [
    '<p>a<br>b<p>c <b title=\'"\'>d</b><!-- <i> --><li>e',
    'é &eacute; &#233; &#xe9; &copy 1 < 2 > 3 &',
    '<ul><li>a<li>b<ul><li>c</ul><li>d</ul>',
    '<dl><dt>a<dd>b<dt>c</dl><select><option>a<option selected>b</select>',
    '<input disabled value=a&amp;b data-x="1&quot;2" data-y=><img src=x alt>',
    '<table><tbody><tr><td>a<td>b<tr><th>c</table>',
    '<script>if (a < b && c) "&amp;"</script><style>a > b { color: red }</style><textarea>\n<b>&lt;</textarea>',
    '<svg viewBox="0 0 1 1"><path d="M0 0"/><foreignObject><div>a<p>b</div></foreignObject></svg>',
    '<template><p>inside</template><pre>  a\n b</pre><custom-tag>c</custom-tag>',
    '<!><!---><!--a--><?b?></ c></><d',
    'a</b></p>b<div>c</span></div></div>d',
    '<a href="?a=1&b=2&copy=3" HREF="other">a</a>',
];

// Texts that stand side by side are one when they are read.
const shape = (element) => {
    element.normalize();
    return element.innerHTML;
};

async function expectSame(browser, query) {
    const path = `markup-solid?${new URLSearchParams(query)}`;
    const { html } = await (await fetch(registry + path)).json();
    await withApplication(() => document(client, tag(path)), {}, async (url) => {
        await withPage(browser, {}, async (page) => {
            await page.goto(url);
            await page.locator('#effects', { hasText: 'mounted' }).waitFor();
            const made = await page.locator('#same').evaluate(shape);
            const read = await page.evaluate((text) => {
                const [parsed] = new DOMParser().parseFromString(text, 'text/html').querySelectorAll('#same');
                parsed.normalize();
                return parsed.innerHTML;
            }, html);
            assert.equal(read, made, path);
        });
    });
    return html;
}

// On a page of the application, scripts included: the browser takes over what the registry rendered.
async function expectTakenOver(browser, html) {
    await withApplication(() => document(client, html), {}, async (url) => {
        await withPage(browser, {}, async (page) => {
            await page.goto(url);
            await page.locator('#effects', { hasText: 'mounted' }).waitFor();
            await page.getByRole('button', { name: '0 clicks' }).click();
            await page.getByRole('button', { name: '1 clicks' }).waitFor();
            await page.getByText('clicked', { exact: true }).waitFor();
            assert.equal(await page.locator('#same').count(), 1, 'it is there once');
            assert.equal(await page.locator('#portal').count(), 1, 'and so is what it puts elsewhere');
            assert.equal(await page.locator('input[name=text]').inputValue(), '</script><script>window.broken = 1</script>');
            assert.equal(await page.evaluate(() => window.broken), undefined, 'properties are no markup');
        });
    });
}

await withBrowser(async (browser) => {
    for (const markup of markups) {
        await expectSame(browser, { markup });
    }
    const html = await expectSame(browser, { name: '</script><script>window.broken = 1</script>' });
    // Nothing of effects and portals; fields have what they start with.
    assert.match(html, /<output id="effects">waits<\/output>/);
    assert.doesNotMatch(html, /id="portal"/);
    assert.match(html, /<input type="checkbox" checked="">/);
    await expectTakenOver(browser, html);
});
