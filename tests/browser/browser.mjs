// Debian's Chromium, with a log of what leaves for another host, and steps that are counted and photographed.

import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { chromium } from 'playwright-core';

// `others` are the hosts to which requests may go too.
export async function withBrowser(origin, screenshots, run, others = []) {
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
  const elsewhere = [];
  const complaints = [];
  let steps = 0;
  let requests = 0;

  // A page of its own, with nothing kept from another one.
  const open = async (options = {}) => {
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
    const page = await context.newPage();
    page.on('request', (request) => {
      const url = request.url();
      requests += 1;
      const known = [`${origin}/`, 'data:', `blob:${origin}/`, ...others.map((other) => `${other}/`)];
      if (!known.some((start) => url.startsWith(start))) elsewhere.push(url);
    });
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('console', (message) => {
      // A file that is shown is no page of ours, and is let do nothing.
      const ours = !page.url().startsWith(`${origin}/api/`);
      if (ours && message.type() === 'error' && /Content.Security.Policy/i.test(message.text())) complaints.push(message.text());
    });
    return page;
  };
  // A step of `page`, whose picture is kept under its name.
  const step = async (page, name, what) => {
    const result = await what();
    steps += 1;
    await page.screenshot({ path: `${screenshots}/${String(steps).padStart(2, '0')}-${name.replaceAll(/[^\w]+/g, '-')}.png` });
    console.log(`  ${name}`);
    return result;
  };

  try {
    await run({ open, step });
    assert.deepEqual(elsewhere, [], 'no request leaves for another host');
    assert.deepEqual(complaints, [], 'nothing on the pages fails or breaks their Content-Security-Policy');
    console.log(`browser: ${steps} steps passed, ${requests} requests, requests to other hosts: 0`);
  } finally {
    await browser.close();
  }
}
