// Teable's published client against this service: node flow.mjs ORIGIN TOKEN FILE
//
// First as its server-side callers use it, then as its browser code does: the headers of the signature but for
// Content-Length, and no bearer token on the upload.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import axios from 'axios';
import teable from '@teable/openapi';

const [origin, token, path] = process.argv.slice(2);
const bytes = await readFile(path);
const { UploadType, configApi, getSignature, notify, notifyVoSchema, signatureVoSchema, uploadFile } = teable;
configApi({ token, endpoint: origin });

let steps = 0;
const step = async (name, run) => {
  const result = await run();
  steps += 1;
  console.log(`  ${name}`);
  return result;
};
const sameBytes = async (url) => {
  const { data } = await axios.get(url, { responseType: 'arraybuffer' });
  assert.ok(bytes.equals(Buffer.from(data)), 'the bytes read back are equal');
};

await step('the package alone: getSignature, uploadFile, notify', async () => {
  const wish = { contentType: 'image/png', contentLength: bytes.length, type: UploadType.Table };
  const signed = signatureVoSchema.parse((await getSignature(wish)).data);
  const stored = await uploadFile(signed.token, bytes, signed.requestHeaders);
  assert.equal(stored.status, 201);
  const notified = await notify(signed.token, undefined, 'photo.png');
  assert.equal(notified.status, 201);
  const file = notifyVoSchema.parse(notified.data);
  assert.equal(file.size, bytes.length);
  assert.ok(file.width > 0 && file.height > 0);
  await sameBytes(file.presignedUrl);
});

await step('a browser: Content-Length deleted, no bearer on the upload', async () => {
  const wish = { contentType: 'image/png', contentLength: bytes.length, type: UploadType.Avatar };
  const { url, uploadMethod, token: upload, requestHeaders } = (await getSignature(wish)).data;
  delete requestHeaders['Content-Length'];
  const stored = await axios({ method: uploadMethod, url, data: bytes, headers: requestHeaders });
  assert.equal(stored.status, 201);
  assert.equal(stored.config.headers.Authorization, undefined);
  const { data: file } = await notify(upload, undefined, 'photo.png');
  await sameBytes(file.presignedUrl);
});

await step('a file whose type the browser does not know', async () => {
  const wish = { contentType: '', contentLength: bytes.length, type: UploadType.Table };
  const { url, uploadMethod, token: upload, requestHeaders } = (await getSignature(wish)).data;
  assert.equal(requestHeaders['Content-Type'], 'application/octet-stream');
  delete requestHeaders['Content-Length'];
  await axios({ method: uploadMethod, url, data: bytes, headers: requestHeaders });
  await sameBytes((await notify(upload)).data.presignedUrl);
});

await step('a refusal, as the package reads it', async () => {
  const refused = getSignature({ contentType: 'image/png', contentLength: -1, type: UploadType.Table });
  await assert.rejects(refused, (error) => {
    assert.equal(error.status, 400);
    assert.equal(error.code, 'validation_error');
    assert.match(error.message, /contentLength must be/);
    return true;
  });
  configApi({ token: 'tat_wrong', endpoint: origin });
  await assert.rejects(notify('x'), (error) => error.status === 401 && error.code === 'unauthorized');
});

console.log(`teable client: ${steps} steps passed`);
