// Every page in both themes, on a screen and on a phone, read by axe: node look.mjs ORIGIN SCREENSHOTS

import assert from 'node:assert/strict';
import { AxeBuilder } from '@axe-core/playwright';
import { withBrowser } from './browser.mjs';

const [origin, screenshots] = process.argv.slice(2);
const pages = {
  docs: { path: '/docs/', ready: '.opblock.is-open' },
  reference: { path: '/reference/', ready: 'text=Ask for an upload signature' },
  try: { path: '/try/', ready: '#type option >> nth=13' },
};
const screens = {
  wide: { viewport: { width: 1280, height: 900 } },
  phone: { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true },
};
let looked = 0;
await withBrowser(origin, screenshots, async ({ open, step }) => {
  for (const [name, { path, ready }] of Object.entries(pages)) {
    for (const [screen, options] of Object.entries(screens)) {
      for (const colorScheme of ['light', 'dark']) {
        const page = await open({ ...options, colorScheme });
        await step(page, `${name}, ${screen}, ${colorScheme}`, async () => {
          await page.goto(origin + path);
          await page.locator(ready).first().waitFor({ state: 'attached' });
          const { violations } = await new AxeBuilder({ page }).analyze();
          const serious = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
          const told = serious.flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => `${id}: ${target}: ${failureSummary}`));
          assert.deepEqual(told, [], 'axe has no serious finding');
          const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
          assert.ok(wide <= 0, `nothing is wider than the screen, by ${wide} pixels`);
          looked += 1;
        });
        await page.context().close();
      }
    }
  }
});
console.log(`axe: ${looked} looks, 0 serious findings`);
