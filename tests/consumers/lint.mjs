// Redocly's and Spectral's recommended rules, and what has changed since the seed: node lint.mjs ORIGIN FOLDER SEED
//
// What the linters may find is listed here with its reason; anything else fails, and so does an entry that nothing gives a reason for any more.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { apiCompare } from 'api-smart-diff';
import YAML from 'yaml';

const [origin, folder, seed] = process.argv.slice(2);
const SEED_INFO = 'the published `info` has none, and is kept as it is';
const SEED_HEADERS = 'the published `requestHeaders` says `nullable` of values of any type, and is kept as it is';
const ALLOWED = {
  'redocly info-license #/info': SEED_INFO,
  'spectral info-contact info': SEED_INFO,
  'redocly nullable-type-sibling #/components/schemas/SignatureVo/properties/requestHeaders/additionalProperties/nullable': SEED_HEADERS,
  'redocly no-invalid-schema-examples #/components/schemas/SignatureVo/properties/requestHeaders/schema': SEED_HEADERS,
  'spectral oas3-valid-schema-example components.schemas.SignatureVo.properties.requestHeaders.example': SEED_HEADERS,
  'redocly operation-2xx-response #/paths/~1attachments~1{token}/get/responses':
    'a redirect is how this operation succeeds: the address at which a file is read need not be on this server',
};

const tools = { env: { ...process.env, REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' }, encoding: 'utf8', maxBuffer: 1e8 };
function json(program, ...parameters) {
  const ran = spawnSync(join('node_modules/.bin', program), parameters, tools);
  const start = ran.stdout.search(/[[{]/);
  assert.ok(start >= 0, `${program} says nothing: ${ran.stderr}`);
  return JSON.parse(ran.stdout.slice(start));
}

async function fetched(path, name) {
  const answer = await fetch(origin + path);
  assert.equal(answer.status, 200, path);
  const file = join(folder, name);
  await writeFile(file, await answer.text());
  return file;
}

const documents = [];
for (const path of ['/openapi.yaml', '/openapi.json', '/openapi-3.1.json']) documents.push(await fetched(path, path.slice(1)));
// The pages for programs hold documents of their own.
const index = await (await fetch(`${origin}/llms.txt`)).text();
for (const [, path] of index.matchAll(/\]\(https?:\/\/[^/]+(\/docs\/[^)]+\.md)\)/g)) {
  const page = await (await fetch(origin + path)).text();
  const file = join(folder, `${path.split('/').at(-1)}.yaml`);
  await writeFile(file, page.match(/```yaml\n([^]*?)```/)[1]);
  documents.push(file);
}
assert.equal(documents.length, 10);

const found = new Set();
await writeFile(join(folder, 'spectral.yaml'), 'extends: ["spectral:oas"]\n');
for (const file of documents) {
  for (const { ruleId, location } of json('redocly', 'lint', '--extends', 'recommended', '--format', 'json', file).problems) {
    found.add(`redocly ${ruleId} ${location[0].pointer}`);
  }
  for (const { code, path } of json('spectral', 'lint', '--quiet', '--ruleset', join(folder, 'spectral.yaml'), '-f', 'json', file)) {
    found.add(`spectral ${code} ${path.join('.')}`);
  }
}
assert.deepEqual([...found].sort(), Object.keys(ALLOWED).sort(), 'the linters find what is listed and no more');
console.log(`linters: ${documents.length} documents, 2 sets of rules, 0 findings but these ${found.size}:`);
for (const [finding, reason] of Object.entries(ALLOWED)) console.log(`  ${finding}: ${reason}`);

// ---- What a client that was made for the published operation meets

const whole = join(folder, 'dereferenced.json');
const bundled = spawnSync('node_modules/.bin/redocly', ['bundle', documents[1], '--dereferenced', '-o', whole], tools);
assert.equal(bundled.status, 0, bundled.stderr);
const published = YAML.parse(await readFile(seed, 'utf8'));
const { diffs } = apiCompare(published, JSON.parse(await readFile(whole, 'utf8')));
const operation = 'paths//attachments/signature/post/requestBody';
const properties = `${operation}/content/application/json/schema/properties`;
const BREAKING = [
  // A body without the required properties was never right; the seed forgot to say so.
  `${operation}/required`,
  ...['contentType', 'hash', 'baseId'].flatMap((name) => [`${properties}/${name}/maxLength`, `${properties}/${name}/pattern`]),
  ...['contentLength', 'expiresIn'].flatMap((name) => ['minimum', 'maximum', 'multipleOf'].map((bound) => `${properties}/${name}/${bound}`)),
];
const breaking = diffs.filter(({ type }) => type === 'breaking').map(({ path }) => path.join('/'));
assert.deepEqual(breaking.sort(), BREAKING.sort(), 'nothing breaks but by the bounds that were decided on');
console.log(`difference to the published operation: ${diffs.length} changes, breaking: the ${breaking.length} bounds and no more`);
