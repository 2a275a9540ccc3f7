// What the scripts in `specs/` share: a browser, pages that report what goes wrong, checks.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(`${process.env.NODE_MODULES}/`);
const { chromium } = require('playwright-core');
const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

const ARGUMENTS = [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
];

const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

export const registry = process.env.REGISTRY;

// A desktop, and the narrowest phone.
const SIZES = { desktop: { width: 1280, height: 900 }, phone: { width: 320, height: 640 } };

/** Runs `work(browser)` with a browser that ends with it. */
export async function withBrowser(work) {
    const browser = await chromium.launch({
        executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
        args: ARGUMENTS,
    });
    try {
        await work(browser);
    } finally {
        await browser.close();
    }
}

/**
 * Runs `work(page)` with a page of its own; fails when a script throws, or the browser reports an
 * error (a blocked script or style among them) that `expected` does not match.
 */
export async function withPage(browser, options, work, expected = /^$/) {
    const context = await browser.newContext({ viewport: SIZES.desktop, ...options });
    context.setDefaultTimeout(60_000);
    const problems = [];
    const page = await context.newPage();
    page.on('pageerror', (error) => problems.push(String(error)));
    page.on('console', (message) => {
        const text = `${message.text()} (${message.location().url})`;
        if (message.type() === 'error' && !expected.test(text)) {
            problems.push(text);
        }
    });
    try {
        await work(page);
        assert.deepEqual(problems, []);
    } catch (error) {
        // What the page reports is often why it does not come to what is waited for.
        console.error('the page reported:', problems);
        throw error;
    } finally {
        await context.close();
    }
}

/** Runs `work(page, what, colorScheme)` in both themes and every size of window. */
export async function inEveryLook(browser, work) {
    for (const colorScheme of ['light', 'dark']) {
        for (const [size, viewport] of Object.entries(SIZES)) {
            await withPage(browser, { colorScheme, viewport }, (page) =>
                work(page, `${colorScheme} ${size}`, colorScheme),
            );
        }
    }
}

/** Fails when the page bars somebody, is too wide for its window, or moves while it is painted. */
export async function expectWellMade(page, what) {
    await expectAccessible(page, what);
    await expectNoSidewaysScrolling(page, what);
    await expectNoLayoutShift(page, what);
}

/** Fails when axe finds anything in the page (frames are pages of their own). */
export async function expectAccessible(page, what) {
    // Evaluated, not added as an element: the page's policy would refuse that.
    await page.evaluate(axe);
    const { violations } = await page.evaluate(
        (rules) => axe.run({ runOnly: rules, iframes: false }),
        RULES,
    );
    const found = violations.map(({ id, nodes }) => `${id}: ${nodes[0].html}: ${nodes[0].failureSummary}`);
    assert.deepEqual(found, [], what);
}

/** Fails when the page is wider than its window. */
async function expectNoSidewaysScrolling(page, what) {
    const widths = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
    assert.ok(widths[0] <= widths[1], `${what}: ${widths[0]} px wide in a window of ${widths[1]} px`);
}

/** Fails when what was painted moved afterwards, by Chromium's own measure. */
async function expectNoLayoutShift(page, what) {
    const shift = await page.evaluate(
        () =>
            new Promise((resolve) => {
                let sum = 0;
                const observer = new PerformanceObserver((list) => {
                    for (const entry of list.getEntries()) {
                        sum += entry.hadRecentInput ? 0 : entry.value;
                    }
                });
                observer.observe({ type: 'layout-shift', buffered: true });
                // Entries are delivered before the second frame from now.
                requestAnimationFrame(() => requestAnimationFrame(() => resolve(sum)));
            }),
    );
    assert.ok(shift < 0.01, `${what}: layout shift of ${shift}`);
}
