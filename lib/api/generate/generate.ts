// Writes `src/generated/` and `src/types.ts` from @kubernetes/client-node and the tables in `facts/`. What it writes is committed.

import { writeFileSync } from 'node:fs';
import { readResources } from './api-resources.ts';
import { resolveDefinitionNames } from './definition-names.ts';
import { readMessages } from './messages.ts';
import { buildSchemas } from './openapi-document.ts';
import { readModels } from './read-models.ts';
import { protobufModule } from './write-protobuf.ts';
import { resourcesModule } from './write-resources.ts';
import { schemasModule } from './write-schemas.ts';
import { openapiTypes, shortTypes } from './write-types.ts';

const models = await readModels();
const messages = readMessages();
const resources = readResources();
const names = resolveDefinitionNames(models, messages, resources);
const schemas = buildSchemas({ models, names, messages, resources });
const head = { openapi: '3.0.0', info: { title: 'Kubernetes', version: 'v1.36.0' }, paths: {} };

// One line per definition, so that a server can put documents together from lines without parsing them.
const lines = Object.entries(schemas).map(([name, schema]) => `${JSON.stringify(name)}:${JSON.stringify(schema)}`);
const documentText = `${JSON.stringify(head).slice(0, -1)},"components":{"schemas":{\n${lines.join(',\n')}\n}}}\n`;

write('generated/openapi.json', documentText);
write('generated/openapi.ts', await openapiTypes({ ...head, components: { schemas } }));
write('generated/api-resources.ts', resourcesModule(resources));
write('generated/schemas.ts', schemasModule(schemas));
write('generated/protobuf-messages.ts', protobufModule());
write('types.ts', shortTypes(schemas));

function write(path: string, text: string): void {
  writeFileSync(new URL(`../src/${path}`, import.meta.url), text);
  process.stdout.write(`${path}: ${Math.round(text.length / 1024)} KiB\n`);
}
