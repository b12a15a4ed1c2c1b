// Uploaded files as scripts, styles and workers of our own pages: node uploaded.mjs ORIGIN TOKEN
//
// A read URL is on the origin of the pages, so 'self' would allow it. Should a page ever let markup in, it must still run nothing
// that was uploaded. Each page is opened under two names of the host.

import assert from 'node:assert/strict';
import { chromium } from 'playwright-core';

const [origin, token] = process.argv.slice(2);

async function stored(type, text) {
  const headers = { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' };
  const wish = JSON.stringify({ contentType: type, contentLength: text.length, type: 1 });
  const signed = await (await fetch(`${origin}/api/attachments/signature`, { method: 'POST', headers, body: wish })).json();
  const sent = await fetch(signed.url, { method: 'PUT', body: text, headers: { 'Content-Type': type } });
  assert.ok(sent.ok, `upload: ${sent.status}`);
  const notified = await fetch(`${origin}/api/attachments/notify/${signed.token}`, { method: 'POST', headers });
  const { pathname, search } = new URL((await notified.json()).presignedUrl);
  return pathname + search;
}

const script = await stored('text/javascript', "globalThis.ran = true; globalThis.onmessage = () => postMessage('ran');");
const style = await stored('text/css', 'html { --ran: yes }');

// What a page's own elements make of `url`: loaded or blocked.
const load = ([as, url]) =>
  new Promise((settle) => {
    if (as === 'worker') {
      try {
        const worker = new Worker(url);
        worker.onmessage = () => settle('loaded');
        worker.onerror = () => settle('blocked');
        worker.postMessage('');
      } catch {
        settle('blocked');
      }
      return;
    }
    const element = document.createElement(as === 'style' ? 'link' : 'script');
    if (as === 'module') element.type = 'module';
    if (as === 'style') Object.assign(element, { rel: 'stylesheet', href: url });
    else element.src = url;
    element.onload = () => settle('loaded');
    element.onerror = () => settle('blocked');
    document.head.append(element);
  });

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});
try {
  const { port } = new URL(origin);
  const own = { '/docs/': '/assets/docs.css', '/reference/': '/assets/reference.css', '/try/': '/assets/try.css' };
  let tried = 0;
  for (const host of [`127.0.0.1:${port}`, `localhost:${port}`]) {
    for (const [path, asset] of Object.entries(own)) {
      const page = await browser.newPage();
      await page.goto(`http://${host}${path}`, { waitUntil: 'load' });
      assert.equal(await page.evaluate(load, ['style', asset]), 'loaded', `${host}${path}: its own style`);
      for (const [as, url] of [['script', script], ['module', script], ['worker', script], ['style', style]]) {
        assert.equal(await page.evaluate(load, [as, url]), 'blocked', `${host}${path}: an uploaded file as ${as}`);
        // The path of an asset is matched as a whole.
        const below = `${asset}/..%2F..${url}`;
        assert.equal(await page.evaluate(load, [as, below]), 'blocked', `${host}${path}: ${below} as ${as}`);
        tried += 2;
      }
      assert.equal(await page.evaluate(() => globalThis.ran), undefined, `${host}${path}: nothing ran`);
      const variable = () => getComputedStyle(document.documentElement).getPropertyValue('--ran');
      assert.equal(await page.evaluate(variable), '', `${host}${path}: no style was taken`);
      await page.close();
    }
  }
  // The files have teeth: a page without a policy runs the script. /healthz is such a page of the same origin.
  const page = await browser.newPage();
  await page.goto(`${origin}/healthz`);
  for (const [as, url] of [['script', script], ['module', script], ['style', style]]) {
    assert.equal(await page.evaluate(load, [as, url]), 'loaded', `the test would not see ${as}`);
  }
  assert.equal(await page.evaluate(() => globalThis.ran), true);
  console.log(`uploaded files in our own pages: ${tried} tried, 0 loaded; 3 controls loaded`);
} finally {
  await browser.close();
}
