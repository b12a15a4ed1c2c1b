// The whole flow from the Swagger UI, in Debian's Chromium: node docs.mjs ORIGIN TOKEN FILE SCREENSHOTS
//
// Authorize, sign, choose a file and upload it, notify, read. No request may leave for another host.

import assert from 'node:assert/strict';
import { mkdir, stat } from 'node:fs/promises';
import { chromium } from 'playwright-core';

const [origin, token, file, screenshots] = process.argv.slice(2);
await mkdir(screenshots, { recursive: true });
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ],
});
let steps = 0;
try {
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  const elsewhere = [];
  page.on('request', (request) => {
    const url = request.url();
    if (!url.startsWith(origin) && !url.startsWith('data:') && !url.startsWith('blob:')) elsewhere.push(url);
  });
  const step = async (name, run) => {
    const result = await run();
    steps += 1;
    await page.screenshot({ path: `${screenshots}/${String(steps).padStart(2, '0')}-${name.replaceAll(' ', '-')}.png` });
    console.log(`  ${name}`);
    return result;
  };
  const operation = (id) => page.locator(`#operations-attachments-${id}`);
  const unfold = async (id) => {
    await operation(id).locator('.opblock-summary-control').click();
    return operation(id);
  };
  // Executes and gives the status and the body of the answer.
  const execute = async (block, method) => {
    const answered = page.waitForResponse((response) => response.request().method() === method);
    await block.getByRole('button', { name: 'Execute' }).click();
    const answer = await answered;
    await block.locator('.live-responses-table .response-col_status').first().waitFor();
    return answer;
  };

  await step('docs', async () => {
    await page.goto(`${origin}/`);
    assert.equal(page.url(), `${origin}/docs/`);
    await operation('getSignature').waitFor();
  });

  await step('authorize', async () => {
    await page.locator('.auth-wrapper .authorize').click();
    const dialog = page.locator('.modal-ux');
    await dialog.locator('input').fill(token);
    await dialog.locator('button.authorize').click();
    await dialog.getByRole('button', { name: 'Close' }).click();
  });

  const signed = await step('signature', async () => {
    const block = await unfold('getSignature');
    const { size } = await stat(file);
    await block.locator('.body-param__text').fill(JSON.stringify({ contentType: 'image/png', contentLength: size, type: 1 }));
    const answer = await execute(block, 'POST');
    assert.equal(answer.status(), 201);
    return answer.json();
  });

  await step('upload with a file chooser', async () => {
    const block = await unfold('uploadFile');
    await block.locator('tr[data-param-name="token"] input').fill(signed.token);
    await block.locator('input[type="file"]').setInputFiles(file);
    const answer = await execute(block, 'PUT');
    assert.equal(answer.status(), 201);
    assert.equal(answer.request().headers().authorization, undefined);
  });

  const stored = await step('notify', async () => {
    const block = await unfold('notifyUpload');
    await block.locator('tr[data-param-name="token"] input').fill(signed.token);
    await block.locator('tr[data-param-name="filename"] input').fill('photo.png');
    const answer = await execute(block, 'POST');
    assert.equal(answer.status(), 201);
    return answer.json();
  });

  await step('read', async () => {
    const block = await unfold('readFile');
    const [, , , , bucket, dir, name] = stored.url.split('/');
    const fields = { bucket, dir, name, token: new URL(stored.presignedUrl).searchParams.get('token') };
    for (const [field, value] of Object.entries(fields)) {
      await block.locator(`tr[data-param-name="${field}"] input`).fill(value);
    }
    const answer = await execute(block, 'GET');
    assert.equal(answer.status(), 200);
    assert.equal(answer.headers()['content-length'], String(stored.size));
    await block.locator('.live-responses-table img').waitFor();
  });

  await step('the presigned address shows the picture', async () => {
    const answer = await page.goto(stored.presignedUrl);
    assert.equal(answer.status(), 200);
    const width = await page.evaluate(() => document.images[0]?.naturalWidth);
    assert.equal(width, stored.width);
  });

  assert.deepEqual(elsewhere, [], 'no request leaves for another host');
  console.log(`browser: ${steps} steps passed, requests to other hosts: 0`);
} finally {
  await browser.close();
}
