// The whole flow from the Swagger UI: node docs.mjs ORIGIN TOKEN FILE SCREENSHOTS
//
// Authorize, sign, choose a file and upload it, notify, read, and open the presigned address. What was authorized is still there when the
// page is loaded again.

import assert from 'node:assert/strict';
import { stat } from 'node:fs/promises';
import { withBrowser } from './browser.mjs';

const [origin, token, file, screenshots] = process.argv.slice(2);
await withBrowser(origin, screenshots, async ({ open, step: counted }) => {
  const page = await open();
  const step = (name, what) => counted(page, name, what);
  const operation = (id) => page.locator(`#operations-attachments-${id}`);
  // Executes and gives the answer.
  const execute = async (block, method) => {
    const answered = page.waitForResponse((response) => response.request().method() === method);
    await block.getByRole('button', { name: 'Execute' }).click();
    const answer = await answered;
    const status = block.locator('.live-responses-table .response-col_status').first();
    await status.waitFor();
    await status.scrollIntoViewIfNeeded();
    return answer;
  };

  await step('docs, unfolded', async () => {
    await page.goto(`${origin}/`);
    assert.equal(page.url(), `${origin}/docs/`);
    await operation('getSignature').waitFor();
    await page.getByRole('heading', { name: /speaks Teable's attachments API/ }).waitFor();
    await page.waitForFunction(() => document.querySelectorAll('.opblock.is-open').length === document.querySelectorAll('.opblock').length);
    assert.equal(await page.locator('.opblock.is-open').count(), 7);
    assert.equal(await page.getByRole('button', { name: 'Execute' }).count(), 7, 'try-it-out is on');
    assert.equal(await page.locator('img[alt*="validator" i]').count(), 0);
  });

  await step('authorize', async () => {
    await page.locator('.auth-wrapper .authorize').click();
    const dialog = page.locator('.modal-ux');
    await dialog.locator('input').fill(token);
    await dialog.locator('button.authorize').click();
    await dialog.getByRole('button', { name: 'Close' }).click();
  });

  await step('reload keeps the token', async () => {
    await page.reload();
    await operation('getSignature').locator('.authorization__btn.locked, .authorization__btn[aria-label*="locked"]').first().waitFor();
  });

  const signed = await step('signature', async () => {
    const block = operation('getSignature');
    const { size } = await stat(file);
    await block.locator('.body-param__text').fill(JSON.stringify({ contentType: 'image/png', contentLength: size, type: 1 }));
    const answer = await execute(block, 'POST');
    assert.equal(answer.status(), 201);
    await block.getByText('Request duration').waitFor();
    return answer.json();
  });

  await step('upload with a file chooser', async () => {
    const block = operation('uploadFile');
    await block.locator('tr[data-param-name="token"] input').fill(signed.token);
    await block.locator('input[type="file"]').setInputFiles(file);
    const answer = await execute(block, 'PUT');
    assert.equal(answer.status(), 201);
    assert.equal(answer.request().headers().authorization, undefined);
  });

  const stored = await step('notify', async () => {
    const block = operation('notifyUpload');
    await block.locator('tr[data-param-name="token"] input').fill(signed.token);
    await block.locator('tr[data-param-name="filename"] input').fill('photo.png');
    const answer = await execute(block, 'POST');
    assert.equal(answer.status(), 201);
    return answer.json();
  });

  await step('read', async () => {
    const block = operation('readFile');
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

  await step('a deep link', async () => {
    await page.goto('about:blank');
    await page.goto(`${origin}/docs/#/attachments/notifyUpload`);
    const shown = (id) =>
      page.waitForFunction((id) => {
        const top = document.getElementById(`operations-attachments-${id}`)?.getBoundingClientRect().top ?? -1;
        return top >= 0 && top < 100;
      }, id);
    await shown('notifyUpload');
    // With the keyboard: where a pointer was aimed at may move while the page still scrolls by itself.
    await page.getByRole('link', { name: 'sign', exact: true }).press('Enter');
    await shown('getSignature');
  });

  await step('the presigned address shows the picture', async () => {
    const answer = await page.goto(stored.presignedUrl);
    assert.equal(answer.status(), 200);
    const width = await page.evaluate(() => document.images[0]?.naturalWidth);
    assert.equal(width, stored.width);
  });
});
