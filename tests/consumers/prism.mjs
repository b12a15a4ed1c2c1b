// The flow through Prism, which stands in front of the server and holds each request and each answer against the document:
// node prism.mjs ORIGIN TOKEN, where ORIGIN is Prism's
//
// Prism passes bodies on as text, and no length of what a HEAD request asks about, so the bytes are ASCII and HEAD's length is not looked at. It
// follows redirects itself and then holds the file to what is said of the redirect, so `openAttachment` is left to the other suites.

import assert from 'node:assert/strict';

const [origin, token] = process.argv.slice(2);
const bearer = { Authorization: `Bearer ${token}` };
// An image of one pixel whose bytes are all ASCII.
const picture = Buffer.from('474946383961010001000000002c000000000100010000020244 01003b'.replaceAll(' ', ''), 'hex');
let calls = 0;

async function call(expected, method, path, { headers = {}, body } = {}) {
  const url = path.startsWith('http') ? path : `${origin}/api${path}`;
  const answer = await fetch(url, { method, headers, body, redirect: 'manual' });
  calls += 1;
  const text = await answer.text();
  assert.equal(answer.headers.get('sl-violations'), null, `${method} ${path}: ${answer.headers.get('sl-violations')}`);
  assert.equal(answer.status, expected, `${method} ${path}: ${text}`);
  return { answer, text, json: () => JSON.parse(text) };
}
const sign = async (contentType, size, type) => {
  const body = JSON.stringify({ contentType, contentLength: size, type });
  return (await call(201, 'POST', '/attachments/signature', { headers: { ...bearer, 'Content-Type': 'application/json' }, body })).json();
};

for (let type = 1; type <= 14; type += 1) {
  const signed = await sign('image/gif', picture.length, type);
  const headers = { 'Content-Type': signed.requestHeaders['Content-Type'] };
  await call(201, type % 2 ? 'PUT' : 'POST', signed.url, { headers, body: picture });
  await call(201, 'PUT', signed.url, { headers, body: picture });
  const name = encodeURIComponent('Übung "ß" 图.gif');
  const stored = (await call(201, 'POST', `/attachments/notify/${signed.token}?filename=${name}`, { headers: bearer })).json();
  assert.deepEqual([stored.width, stored.height, stored.mimetype], [1, 1, 'image/gif']);
  const read = await call(200, 'GET', stored.presignedUrl);
  assert.equal(read.text, picture.toString('ascii'));
  const etag = read.answer.headers.get('etag');
  await call(206, 'GET', stored.presignedUrl, { headers: { Range: 'bytes=0-3' } });
  await call(304, 'GET', stored.presignedUrl, { headers: { 'If-None-Match': etag } });
  await call(416, 'GET', stored.presignedUrl, { headers: { Range: 'bytes=1000-' } });
  await call(200, 'HEAD', stored.presignedUrl);
}

// What is refused for reasons that no schema knows.
const signed = await sign('text/plain', 6, 1);
const plain = { 'Content-Type': 'text/plain' };
await call(404, 'POST', `/attachments/notify/${signed.token}`, { headers: bearer });
await call(413, 'PUT', signed.url, { headers: plain, body: 'larger than signed' });
await call(400, 'PUT', signed.url, { headers: plain, body: 'less' });
await call(415, 'PUT', signed.url, { headers: { 'Content-Type': 'text/html' }, body: 'hello\n' });
await call(201, 'PUT', signed.url, { headers: plain, body: 'hello\n' });
await call(409, 'PUT', signed.url, { headers: plain, body: 'HELLO\n' });
await call(403, 'PUT', '/attachments/upload/nonsense', { headers: plain, body: 'hello\n' });
await call(401, 'POST', `/attachments/notify/${signed.token}`, { headers: { Authorization: 'Bearer nonsense' } });
await call(404, 'GET', '/attachments/read/public/avatar/00000000000000000000000000000000');
console.log(`prism: ${calls} calls passed, 0 violations`);
