// What a browser could run, opened from its read address in every way that a page has: node active.mjs ORIGIN TOKEN
//
// Each file tells a listener of ours when it runs, and puts its name into the title. Served by the service, none does. Served by a plain server with
// the type alone, it does: so a file that had no teeth would be found.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { chromium } from 'playwright-core';

const [origin, token] = process.argv.slice(2);

// ---- Two hosts of others: one hears whatever ran, one is a page that embeds, and gives the same files without our headers.

const heard = new Set();
const listener = await listen((request, response) => {
  const { pathname } = new URL(request.url, 'http://a');
  heard.add(decodeURIComponent(pathname.slice(1)));
  response.writeHead(204, { 'Access-Control-Allow-Origin': '*' }).end();
});
const plain = new Map();
const other = await listen((request, response) => {
  const { pathname, searchParams } = new URL(request.url, 'http://a');
  const file = plain.get(pathname);
  if (file) response.writeHead(200, { 'Content-Type': file.type, 'Access-Control-Allow-Origin': '*' }).end(file.content);
  else if (pathname === '/page') response.writeHead(200, { 'Content-Type': 'text/html' }).end(embedding(searchParams.get('as'), searchParams.get('url')));
  else response.writeHead(404).end();
});
async function listen(answer) {
  const server = createServer(answer);
  await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
  return { server, origin: `http://127.0.0.1:${server.address().port}` };
}

// ---- The files

const beacon = (name) => `${listener.origin}/${encodeURIComponent(name)}`;
// What each runs: a request that no policy of the embedding page forbids, and a title.
const script = (name) => `try{document.title='ran'}catch(e){};fetch('${beacon(name)}',{mode:'no-cors'})`;
const html = (name) => `<!doctype html><title>still</title><body><img src="x" onerror="${script(name)}"><script>${script(name)}</script>`;
const svg = (name) =>
  `<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9" onload="${script(name)}"><script>${script(name)}</script><rect width="9" height="9"/></svg>`;
const xhtml = (name) => `<html xmlns="http://www.w3.org/1999/xhtml"><head><title>still</title></head><body><script>${script(name)}</script></body></html>`;
const xslt = (name) =>
  `<?xml version="1.0"?><?xml-stylesheet type="text/xsl" href="#s"?><!DOCTYPE d [<!ATTLIST xsl:stylesheet id ID #REQUIRED>]><d><xsl:stylesheet id="s" version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"><xsl:template match="/"><html><body><script>${script(name)}</script></body></html></xsl:template><xsl:template match="xsl:*"/></xsl:stylesheet></d>`;
const pdf = (name) => `%PDF-1.7
1 0 obj<</Type/Catalog/Pages 2 0 R/OpenAction<</S/JavaScript/JS(app.alert\\('${name}'\\);this.submitForm\\('${beacon(name)}'\\))>>>>endobj
2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj
3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/AA<</O<</S/URI/URI(${beacon(name)})>>>>>>endobj
trailer<</Root 1 0 R>>
`;
// A GIF whose header is the beginning of a comment, and whose end is a script.
const polyglot = (name) => Buffer.concat([Buffer.from('GIF89a/*'), Buffer.alloc(16), Buffer.from(`*/=1;${script(name)}`)]);

// `control` says in which ways the file runs without our headers; a browser that asks before it shows a PDF runs none of it here.
const files = [
  { name: 'svg', type: 'image/svg+xml', make: svg, control: ['directly', 'iframe', 'object', 'embed'] },
  { name: 'html', type: 'text/html', make: html, control: ['directly', 'iframe', 'object'] },
  { name: 'html with a charset', type: 'text/html; charset=utf-7', make: html, control: ['directly'] },
  { name: 'xhtml', type: 'application/xhtml+xml', make: xhtml, control: ['directly', 'iframe'] },
  { name: 'xml', type: 'application/xml', make: xhtml, control: ['directly', 'iframe'] },
  { name: 'text-xml', type: 'text/xml', make: xslt, control: [] },
  { name: 'rss', type: 'application/rss+xml', make: xhtml, control: [] },
  { name: 'mathml', type: 'application/mathml+xml', make: xhtml, control: [] },
  { name: 'pdf', type: 'application/pdf', make: pdf, control: [] },
  { name: 'script', type: 'text/javascript', make: script, control: ['script'] },
  { name: 'polyglot', type: 'image/gif', make: polyglot, control: [] },
  { name: 'polyglot as a script', type: 'text/javascript', make: polyglot, control: ['script'] },
  { name: 'html as png', type: 'image/png', make: html, control: [] },
  { name: 'html as text', type: 'text/plain', make: html, control: [] },
  { name: 'script as text', type: 'text/plain', make: script, control: ['script'] },
  { name: 'html of no type', type: '', make: html, control: ['directly'] },
  { name: 'html as bytes', type: 'application/octet-stream', make: html, control: [] },
  { name: 'html of a made-up type', type: 'x/y', make: html, control: [] },
  { name: 'multipart', type: 'multipart/x-mixed-replace; boundary=b', make: (name) => `--b\r\nContent-Type: text/html\r\n\r\n${html(name)}\r\n--b--\r\n`, control: [] },
  { name: 'mhtml', type: 'multipart/related; boundary=b', make: (name) => `--b\r\nContent-Type: text/html\r\n\r\n${html(name)}\r\n--b--\r\n`, control: [] },
];

// ---- How a page of another origin embeds a file, and waits until it has. A module is not among them: it is read by CORS, as `fetch` reads, and a page
// that may read a text may run it as its own.

const ways = {
  iframe: (url) => `<iframe src="${url}" width=99 height=99></iframe>`,
  object: (url) => `<object data="${url}" width=99 height=99></object>`,
  embed: (url) => `<embed src="${url}" width=99 height=99>`,
  image: (url) => `<img src="${url}">`,
  script: (url) => `<script src="${url}"></script>`,
  style: (url) => `<link rel="stylesheet" href="${url}">`,
  worker: (url) => `<script>try { new Worker('${url}') } catch (e) {}</script>`,
};
const embedding = (as, url) => `<!doctype html><title>embeds</title><body>${ways[as](url.replaceAll('&', '&amp;'))}`;

// ---- The flow

async function stored({ name, type, make }) {
  const bytes = Buffer.from(make(name));
  const headers = { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' };
  const call = async (method, url, options) => {
    const answer = await fetch(url, { method, ...options });
    assert.ok(answer.ok, `${name}: ${method}: ${answer.status} ${await answer.clone().text()}`);
    return answer;
  };
  const wish = JSON.stringify({ contentType: type, contentLength: bytes.length, type: 1 });
  const signed = await (await call('POST', `${origin}/api/attachments/signature`, { headers, body: wish })).json();
  await call(signed.uploadMethod, signed.url, { body: bytes, headers: { 'Content-Type': signed.requestHeaders['Content-Type'] } });
  const notified = await call('POST', `${origin}/api/attachments/notify/${signed.token}?filename=${encodeURIComponent(name)}`, { headers });
  return (await notified.json()).presignedUrl;
}

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});
const context = await browser.newContext({ acceptDownloads: true });
const probe = await context.newPage();
let opened = 0;
// Opens `url` and says what ran: by the listener, a dialog, or the title of a page that is not ours.
async function ran(url, as, name, { patience = 0 } = {}) {
  heard.delete(name);
  const page = await context.newPage();
  let dialog = false;
  page.on('dialog', (shown) => {
    dialog = true;
    void shown.dismiss();
  });
  // A file that is saved is not opened: the navigation fails, and the download is the answer.
  const address = as === 'directly' ? url : `${other.origin}/page?as=${as}&url=${encodeURIComponent(url)}`;
  await page.goto(address, { waitUntil: 'load' }).catch((error) => assert.match(error.message, /Download is starting|ERR_ABORTED/));
  // Whatever a script has asked for leaves before this, which is asked for later and in the same browser.
  await probe.goto(`${other.origin}/page?as=image&url=${encodeURIComponent(beacon(`last ${opened}`))}`, { waitUntil: 'load' });
  for (const end = Date.now() + patience; !heard.has(name) && Date.now() < end; ) await new Promise((wait) => setTimeout(wait, 20));
  const titles = await Promise.all(page.frames().map((frame) => frame.title().catch(() => '')));
  opened += 1;
  await page.close();
  return heard.has(name) || dialog || titles.includes('ran');
}

try {
  let controls = 0;
  for (const file of files) {
    const url = await stored(file);
    for (const as of ['directly', ...Object.keys(ways)]) {
      assert.equal(await ran(url, as, file.name), false, `${file.name} ran ${as}`);
    }
    for (const query of ['inline', 'inline; filename=a.html', "inline; filename*=UTF-8''a.html"]) {
      const asked = url.replace(/&response-content-disposition=.*/, '') + `&response-content-disposition=${encodeURIComponent(query)}`;
      assert.equal(await ran(asked, 'directly', file.name), false, `${file.name} ran as ${query}`);
    }
    const path = `/${encodeURIComponent(file.name)}`;
    plain.set(path, { type: file.type, content: Buffer.from(file.make(file.name)) });
    for (const as of file.control) {
      assert.equal(await ran(other.origin + path, as, file.name, { patience: 10_000 }), true, `the test would not see that ${file.name} ran ${as}`);
      controls += 1;
    }
    console.log(`  ${file.name}: nothing ran`);
  }
  assert.ok(controls >= 12, 'most files have teeth');
  console.log(`active content: ${files.length} files, ${opened - controls} times opened, nothing ran; ${controls} controls ran`);
} finally {
  await browser.close();
  listener.server.close();
  other.server.close();
}
