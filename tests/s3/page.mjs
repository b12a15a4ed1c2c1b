// The upload page when files go to a store: node page.mjs ORIGIN TOKEN STORE FILE SCREENSHOTS [curl]
//
// With `curl`, the commands that the page shows are run too.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { withBrowser } from '../browser/browser.mjs';

const [origin, token, store, file, screenshots, curl] = process.argv.slice(2);
const files = [
  { name: 'photo.png', mimeType: 'image/png', buffer: await readFile(file) },
  { name: 'Übung "ß" 图.pdf', mimeType: 'application/pdf', buffer: Buffer.from('%PDF-1.7\n') },
  { name: 'empty', mimeType: '', buffer: Buffer.alloc(0) },
];
const row = (page, name) => page.locator('.file').filter({ has: page.locator('.name', { hasText: name }) });

await withBrowser(
  origin,
  screenshots,
  async ({ open, step }) => {
    const page = await open();
    await step(page, 'three files, to the store', async () => {
      await page.goto(`${origin}/try/`);
      await page.locator('#files').setInputFiles(files);
      await page.getByLabel('Access token').fill(token);
      await page.getByRole('button', { name: 'Upload 3 files' }).click();
      await page.waitForFunction(() => [...document.querySelectorAll('.file')].every(({ dataset }) => /stored|refused/.test(dataset.state)));
      assert.ok(await page.getByText('3 stored', { exact: true }).isVisible(), await page.locator('#list').innerText());
      await row(page, 'photo.png').locator(`img[src^="${store}/private/table/"]`).waitFor();
      await page.waitForFunction(() => [...document.images].every((image) => image.complete && image.naturalWidth > 0));
    });
    await step(page, 'what is shown can be read', async () => {
      for (const { name, buffer } of files) {
        const link = await row(page, name).getByRole('link', { name: `Open ${name}` }).getAttribute('href');
        const answer = await fetch(link);
        assert.equal(answer.status, 200);
        assert.ok(buffer.equals(Buffer.from(await answer.arrayBuffer())), `${name} comes back as it was`);
      }
    });
    if (!curl) return;
    await step(page, 'the equivalent curl', async () => {
      for (const { name, buffer } of files) {
        const shown = await row(page, name).locator('code:not(summary code)').textContent();
        const script = `cd "$(mktemp -d)"; cat >"$NAME"; ${shown.replace('YOUR_TOKEN', token)}`;
        const ran = spawnSync('bash', ['-euo', 'pipefail', '-c', script], { env: { ...process.env, NAME: name }, input: buffer, encoding: 'utf8' });
        assert.equal(ran.status, 0, ran.stderr + ran.stdout);
        assert.equal(JSON.parse(ran.stdout).size, buffer.length);
      }
    });
  },
  [store],
);
