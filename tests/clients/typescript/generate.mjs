// node generate.mjs DOCUMENT FILE: the types of the served document. Bytes are a Blob, which openapi-typescript leaves to its user:
// https://openapi-ts.dev/node#example-blobs
import { readFile, writeFile } from 'node:fs/promises';
import openapiTS, { astToString } from 'openapi-typescript';
import ts from 'typescript';

const [document, file] = process.argv.slice(2);
const blob = ts.factory.createTypeReferenceNode(ts.factory.createIdentifier('Blob'));
const types = await openapiTS(JSON.parse(await readFile(document, 'utf8')), {
  transform: (schema) => (schema.format === 'binary' ? blob : undefined),
});
await writeFile(file, astToString(types));
