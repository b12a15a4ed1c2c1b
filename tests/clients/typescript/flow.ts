// The whole flow with the generated types: node flow.js ORIGIN TOKEN FILE
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import createClient from 'openapi-fetch';
import type { components, paths } from './api.js';

const [origin, token, file] = process.argv.slice(2) as [string, string, string];
const bytes = await readFile(file);
const picture = new Blob([new Uint8Array(bytes)], { type: 'image/png' });
const client = createClient<paths>({ baseUrl: `${origin}/api` });
const authorized = createClient<paths>({ baseUrl: `${origin}/api`, headers: { Authorization: `Bearer ${token}` } });

const signed = await authorized.POST('/attachments/signature', {
  body: { contentType: 'image/png', contentLength: picture.size, type: 1 },
});
assert.ok(signed.data, signed.error?.message);
const path = { token: signed.data.token };
console.log('  signed');

const uploaded = await client.PUT('/attachments/upload/{token}', {
  params: { path },
  body: picture,
  bodySerializer: (body) => body,
  headers: { 'Content-Type': String(signed.data.requestHeaders['Content-Type']) },
});
assert.equal(uploaded.response.status, 201, uploaded.error?.message);
console.log('  uploaded');

const notified = await authorized.POST('/attachments/notify/{token}', { params: { path, query: { filename: 'photo.png' } } });
assert.ok(notified.data, notified.error?.message);
const stored: components['schemas']['NotifyVo'] = notified.data;
const width: number | undefined = stored.width;
assert.ok(width);
console.log('  notified');

const [, , , , bucket, dir, name] = stored.url.split('/') as [string, string, string, string, string, string, string];
const query = { token: new URL(stored.presignedUrl).searchParams.get('token') ?? '' };
const place = { path: { bucket, dir, name }, query };
const read = await client.GET('/attachments/read/{bucket}/{dir}/{name}', { params: place, parseAs: 'blob' });
assert.ok(read.data);
assert.ok(bytes.equals(Buffer.from(await read.data.arrayBuffer())));
const known = await client.HEAD('/attachments/read/{bucket}/{dir}/{name}', { params: place });
assert.equal(known.response.headers.get('content-length'), String(picture.size));
const opened = await authorized.GET('/attachments/{token}', { params: { path }, parseAs: 'blob' });
assert.equal(opened.response.status, 200);
console.log('  read');

const refused = await authorized.POST('/attachments/signature', {
  body: { contentType: 'image/png', contentLength: -1, type: 1 },
});
assert.equal(refused.response.status, 400);
const code: components['schemas']['ProblemCode'] | undefined = refused.error?.code;
assert.equal(code, 'validation_error');
assert.equal(refused.error?.errors?.[0]?.pointer, '/contentLength');
// @ts-expect-error The contract has 14 types, and a type checker knows them.
await authorized.POST('/attachments/signature', { body: { contentType: '', contentLength: 0, type: 15 } });
console.log('  refused, with a problem of its own type');
console.log('typescript client (openapi-typescript, openapi-fetch): 5 steps passed');
