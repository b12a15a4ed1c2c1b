// Runs each code sample of each operation of the served document: node samples.mjs ORIGIN TOKEN SCREENSHOTS, with PYTHON in the environment
//
// As it stands, but for what its reader puts in: the tokens, and with them the file's name, which the server makes.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32, deflateSync } from 'node:zlib';
import { withBrowser } from './browser.mjs';

const [origin, token, screenshots] = process.argv.slice(2);
const python = process.env.PYTHON ?? 'python3';
const document = await (await fetch(`${origin}/openapi.json`)).json();

// The picture of the examples: `image/png`, 123 bytes.
function picture() {
  const chunk = (type, data) => {
    const named = Buffer.concat([Buffer.from(type, 'latin1'), data]);
    const whole = Buffer.alloc(named.length + 8);
    whole.writeUInt32BE(data.length, 0);
    named.copy(whole, 4);
    whole.writeUInt32BE(crc32(named), named.length + 4);
    return whole;
  };
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  const header = chunk('IHDR', Buffer.from([0, 0, 0, 1, 0, 0, 0, 1, 8, 0, 0, 0, 0]));
  const pixel = chunk('IDAT', deflateSync(Buffer.from([0, 128])));
  const end = chunk('IEND', Buffer.alloc(0));
  const short = 123 - signature.length - header.length - pixel.length - end.length - 12;
  const comment = chunk('tEXt', Buffer.from('Comment\0'.padEnd(short, '.'), 'latin1'));
  return Buffer.concat([signature, header, comment, pixel, end]);
}
const bytes = picture();
assert.equal(bytes.length, 123);

// ---- What must have happened before an operation is called

async function call(method, path, options = {}) {
  const answer = await fetch(path.startsWith('http') ? path : `${origin}/api${path}`, { method, ...options });
  assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${await answer.clone().text()}`);
  return answer;
}
const bearer = { Authorization: `Bearer ${token}` };
async function signed() {
  const body = JSON.stringify({ contentType: 'image/png', contentLength: 123, type: 1 });
  return (await call('POST', '/attachments/signature', { headers: { ...bearer, 'Content-Type': 'application/json' }, body })).json();
}
async function uploaded() {
  const signature = await signed();
  await call('PUT', signature.url, { body: bytes, headers: { 'Content-Type': 'image/png' } });
  return signature;
}
async function stored() {
  const { token } = await uploaded();
  return (await call('POST', `/attachments/notify/${token}`, { headers: bearer })).json();
}
const before = {
  getSignature: async () => ({}),
  uploadFile: signed,
  uploadFileByPost: signed,
  notifyUpload: uploaded,
  readFile: stored,
  headFile: stored,
  openAttachment: stored,
};

// ---- What the reader puts in

const EXAMPLE = 'private/table/019a0b7c5d3e7f108a2b4c6d8e0f1a2b';
function filled(source, state) {
  return source
    .replaceAll('YOUR_TOKEN', token)
    .replaceAll('token=xxxxxxxx', () => `token=${new URL(state.presignedUrl).searchParams.get('token')}`)
    .replaceAll('/xxxxxxxx', () => `/${state.token}`)
    .replaceAll(EXAMPLE, () => state.url.split('/read/')[1]);
}

// ---- How each language is run, in a folder that has the picture

const folder = await mkdtemp(join(tmpdir(), 'samples-'));
const photo = join(folder, 'photo.png');
async function command(program, file, source) {
  await writeFile(join(folder, file), source);
  const ran = spawnSync(program, [file], { cwd: folder, encoding: 'utf8' });
  assert.equal(ran.status, 0, `${program}: ${ran.stdout}${ran.stderr}\n${source}`);
  return ran.stdout;
}
let ran = 0;
try {
  await withBrowser(origin, screenshots, async ({ open, step }) => {
    const page = await open();
    await page.goto(`${origin}/llms.txt`);
    const inBrowser = async (source) => {
      await page.evaluate(() => {
        document.body.innerHTML = '<input type="file">';
      });
      await page.locator('input').setInputFiles(photo);
      await page.evaluate(`(async () => {${source}\n})()`);
      await page.waitForFunction(() => [...document.images].every((image) => image.complete && image.naturalWidth === 1));
      return '';
    };
    const run = {
      Shell: (source) => command('bash', 'sample.sh', source),
      JavaScript: inBrowser,
      'Node.js': (source) => command('node', 'sample.mjs', source),
      Python: (source) => command(python, 'sample.py', source),
    };
    for (const [path, item] of Object.entries(document.paths)) {
      for (const [method, operation] of Object.entries(item)) {
        const samples = operation['x-codeSamples'];
        assert.deepEqual(samples.map(({ lang }) => lang), Object.keys(run), `${method} ${path}`);
        await step(page, `${operation.operationId}: ${Object.keys(run).join(', ')}`, async () => {
          for (const { lang, source } of samples) {
            await writeFile(photo, bytes);
            const printed = await run[lang](filled(source, await before[operation.operationId]()));
            assert.ok(bytes.equals(await readFile(photo)), 'what was saved is what was stored');
            if (lang === 'Shell' && printed.startsWith('{')) JSON.parse(printed);
            ran += 1;
          }
        });
      }
    }
  });
} finally {
  await rm(folder, { recursive: true });
}
console.log(`samples: ${ran} passed, 0 failed`);
