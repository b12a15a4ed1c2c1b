// The upload page: node try.mjs ORIGIN TOKEN FILE SCREENSHOTS
//
// Five files are dropped and stored; a wrong token, a type that the token may not use and a server that is gone are told in words; the whole flow with the
// keyboard alone, on a phone.

import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawnSync } from 'node:child_process';
import { withBrowser } from './browser.mjs';

const [origin, token, file, screenshots] = process.argv.slice(2);
const picture = await readFile(file);
const files = [
  { name: 'photo.png', mimeType: 'image/png', buffer: picture },
  { name: "a note, with 'quotes' and $(signs).txt", mimeType: 'text/plain', buffer: Buffer.from('Read me.\n') },
  { name: 'Übung 图.pdf', mimeType: 'application/pdf', buffer: Buffer.from('%PDF-1.7\n') },
  { name: 'empty', mimeType: '', buffer: Buffer.alloc(0) },
  { name: 'large.bin', mimeType: 'application/octet-stream', buffer: Buffer.alloc(8_000_000, 7) },
];

// What a person's hand does: files from outside, dropped on the page.
async function drop(page, dropped) {
  const transfer = await page.evaluateHandle(
    (each) => {
      const transfer = new DataTransfer();
      for (const { name, type, bytes } of each) {
        const content = Uint8Array.from(atob(bytes), (letter) => letter.charCodeAt(0));
        transfer.items.add(new File([content], name, { type }));
      }
      return transfer;
    },
    dropped.map(({ name, mimeType, buffer }) => ({ name, type: mimeType, bytes: buffer.toString('base64') })),
  );
  await page.dispatchEvent('#drop', 'dragover', { dataTransfer: transfer });
  assert.ok(await page.locator('#drop.over').count(), 'the field says that files may be dropped');
  await page.dispatchEvent('#drop', 'drop', { dataTransfer: transfer });
}

const row = (page, name) => page.locator('.file').filter({ has: page.locator('.name', { hasText: name }) });

await withBrowser(origin, screenshots, async ({ open, step }) => {
  const page = await open({ permissions: ['clipboard-read', 'clipboard-write'] });
  await step(page, 'upload page, before', async () => {
    const answer = await page.goto(`${origin}/try/`);
    assert.ok(!answer.headers()['content-security-policy'].includes('unsafe'));
    await page.locator('#type option').nth(13).waitFor({ state: 'attached' });
    assert.equal(await page.locator('#type option').first().textContent(), 'Table (1)');
    assert.ok(await page.getByRole('button', { name: 'Upload' }).isDisabled());
  });

  await step(page, 'five files dropped', async () => {
    await drop(page, files);
    assert.equal(await page.locator('.file').count(), 5);
    await page.getByRole('button', { name: 'Upload 5 files' }).waitFor();
  });

  await step(page, 'without a token', async () => {
    await page.getByRole('button', { name: 'Upload 5 files' }).click();
    await page.getByText('An access token is needed').waitFor();
    assert.equal(await page.evaluate(() => document.activeElement.id), 'token');
  });

  let notify;
  const notified = new Promise((resolve) => (notify = resolve));
  await step(page, 'during', async () => {
    await page.getByLabel('Access token').fill(token);
    // As over a slow line, so that there is something to see.
    await page.route('**/api/attachments/notify/**', (route) => notified.then(() => route.continue()));
    await page.keyboard.press('Enter');
    await page.locator('.file[data-state="running"] progress').first().waitFor();
    assert.ok(await page.getByRole('button', { name: 'Uploading…' }).isDisabled());
  });

  await step(page, 'after', async () => {
    notify();
    await page.getByText('5 stored', { exact: true }).waitFor();
    await row(page, 'photo.png').locator('img[src*="/api/attachments/read/"]').waitFor();
    await page.waitForFunction(() => [...document.images].every((image) => image.complete && image.naturalWidth > 0));
    await row(page, 'photo.png').getByText(/\d+ × \d+ pixels/).waitFor();
    await page.locator('#list-title').scrollIntoViewIfNeeded();
  });

  await step(page, 'what is shown can be read', async () => {
    for (const { name, buffer } of files) {
      const link = await row(page, name).getByRole('link', { name: `Open ${name}` }).getAttribute('href');
      const answer = await fetch(link);
      assert.equal(answer.status, 200);
      assert.ok(buffer.equals(Buffer.from(await answer.arrayBuffer())), `${name} comes back as it was`);
    }
  });

  await step(page, 'the equivalent curl', async () => {
    const { name, buffer } = files[1];
    const block = row(page, name);
    await block.getByText('The same with').click();
    await block.getByRole('button', { name: 'Copy', exact: true }).click();
    await block.getByRole('button', { name: 'Copied' }).waitFor();
    const commands = (await page.evaluate(() => navigator.clipboard.readText())).replace('YOUR_TOKEN', token);
    // It is run as it stands, in a folder that has the file.
    const script = `cd "$(mktemp -d)"; printf 'Read me.\\n' >"$NAME"; ${commands}`;
    const ran = spawnSync('bash', ['-euo', 'pipefail', '-c', script], { env: { ...process.env, NAME: name }, encoding: 'utf8' });
    assert.equal(ran.status, 0, ran.stderr + ran.stdout);
    assert.equal(JSON.parse(ran.stdout).size, buffer.length);
  });

  await step(page, 'failed, with the problem in words', async () => {
    await page.getByRole('button', { name: 'Clear the list' }).click();
    await page.getByLabel('Access token').fill('tat_wrong');
    await page.getByLabel('Base').fill('bse\u0007');
    await drop(page, files.slice(0, 2));
    await page.getByRole('button', { name: 'Upload 2 files' }).click();
    await page.getByText('2 not stored').waitFor();
    await row(page, 'photo.png').locator('.problem').waitFor();
    const told = await row(page, 'photo.png').locator('.problem').textContent();
    assert.match(told, /Status 401, unauthorized, request [0-9a-f-]{36}/);
    assert.equal(await page.getByLabel('Access token').getAttribute('aria-invalid'), 'true');
  });

  await step(page, 'failed, with the offending field', async () => {
    await page.getByLabel('Access token').fill(token);
    await row(page, 'photo.png').getByRole('button', { name: /again/ }).click();
    await row(page, 'photo.png').locator('.problem', { hasText: 'baseId' }).waitFor();
    assert.match(await row(page, 'photo.png').locator('.problem').textContent(), /Status 400, validation_error/);
  });

  await step(page, 'tried again, and stored', async () => {
    await page.getByLabel('Base').fill('');
    await page.getByRole('button', { name: 'Try 2 files again' }).click();
    await page.getByText('2 stored', { exact: true }).waitFor();
    await page.getByRole('button', { name: 'Clear the list' }).click();
  });

  await step(page, 'a token that is not known is asked about once', async () => {
    await page.getByLabel('Access token').fill('tat_wrong');
    await drop(page, files);
    await page.getByRole('button', { name: 'Upload 5 files' }).click();
    await page.getByRole('button', { name: 'Try 3 files again' }).waitFor();
    await page.getByRole('button', { name: 'Upload 2 files' }).waitFor();
    await page.getByLabel('Access token').fill(token);
    await page.getByRole('button', { name: 'Try 3 files again' }).click();
    await page.getByText('5 stored', { exact: true }).waitFor();
    await page.getByRole('button', { name: 'Clear the list' }).click();
  });

  await step(page, 'a file that is gone', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'try-'));
    await writeFile(join(folder, 'gone.txt'), 'here');
    await page.locator('#files').setInputFiles(join(folder, 'gone.txt'));
    await rm(folder, { recursive: true });
    await page.getByRole('button', { name: 'Upload 1 file' }).click();
    await row(page, 'gone.txt').locator('.problem', { hasText: 'cannot be read' }).waitFor();
    await page.getByRole('button', { name: 'Clear the list' }).click();
  });

  await step(page, 'cancelled', async () => {
    await page.route('**/api/attachments/upload/**', () => {});
    await drop(page, files.slice(0, 1));
    await page.getByRole('button', { name: 'Upload 1 file' }).click();
    await page.getByRole('button', { name: 'Cancel photo.png' }).dblclick();
    await row(page, 'photo.png').locator('.problem', { hasText: 'Cancelled' }).waitFor();
    await page.unroute('**/api/attachments/upload/**');
  });

  const phone = await open({ viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, colorScheme: 'dark' });
  // Heard from the beginning: the browser is told to ask us before it could open a dialog of its own.
  const chosen = new Promise((resolve) => phone.once('filechooser', resolve));
  await step(phone, 'on a phone, with the keyboard alone', async () => {
    await phone.goto(`${origin}/try/`);
    await phone.locator('#type option').nth(13).waitFor({ state: 'attached' });
    const focus = async (id) => {
      for (let presses = 0; presses < 12; presses += 1) {
        if ((await phone.evaluate(() => document.activeElement.id)) === id) return;
        await phone.keyboard.press('Tab');
      }
      assert.fail(`the keyboard does not reach ${id}`);
    };
    await focus('token');
    await phone.keyboard.type(token);
    await focus('files');
    await phone.keyboard.press('Enter');
    await (await chosen).setFiles(files.slice(0, 2));
    await focus('upload');
    await phone.keyboard.press('Enter');
    await phone.getByText('2 stored', { exact: true }).waitFor();
    assert.ok(await phone.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'nothing is wider than the screen');
    await phone.locator('#list-title').scrollIntoViewIfNeeded();
  });

  await step(phone, 'the server cannot be reached', async () => {
    await phone.route('**/api/**', (route) => route.abort());
    await phone.locator('#files').setInputFiles(files.slice(1, 2));
    await phone.getByRole('button', { name: /Upload/ }).click();
    await phone.getByText('The server cannot be reached').waitFor();
    await phone.locator('.file[data-state="refused"]').scrollIntoViewIfNeeded();
  });
});
