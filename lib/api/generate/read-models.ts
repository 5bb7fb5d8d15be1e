// Reads the generated model classes of @kubernetes/client-node. Their runtime table gives each property's wire name, type and
// format; their declaration files give what the table leaves out: which properties are optional, and the descriptions.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';

export interface ModelProperty {
  /** The name on the wire. */
  readonly name: string;
  /** In the client's own grammar: `string`, `Array<V1Container>`, `{ [key: string]: string; }`, `V1PodSpec`, `any` ... */
  readonly type: string;
  readonly format: string;
  readonly required: boolean;
  readonly description: string;
}

export interface Model {
  readonly className: string;
  readonly description: string;
  readonly properties: readonly ModelProperty[];
}

interface AttributeType {
  readonly name: string;
  readonly baseName: string;
  readonly type: string;
  readonly format: string;
}

export async function readModels(): Promise<Model[]> {
  const entry = createRequire(import.meta.url).resolve('@kubernetes/client-node');
  const folder = join(dirname(entry), 'gen', 'models');
  const exported = (await import(pathToFileURL(join(folder, 'all.js')).href)) as Record<string, unknown>;
  return Object.entries(exported)
    .filter(([, value]) => typeof value === 'function' && 'attributeTypeMap' in value)
    .map(([className, value]) => {
      const attributes = (value as unknown as { attributeTypeMap: AttributeType[] }).attributeTypeMap;
      return readModel(className, attributes, readFileSync(join(folder, `${className}.d.ts`), 'utf8'));
    });
}

function readModel(className: string, attributes: readonly AttributeType[], declaration: string): Model {
  const described = /\/\*\*\n\* ([\s\S]*?)\n\*\/\nexport declare class/.exec(declaration);
  const documented = new Map<string, { required: boolean; description: string }>();
  // The first alternative carries a comment, the second is a property without one.
  for (const match of declaration.matchAll(/^ {4}(?:\/\*\*\n {4}\* ([\s\S]*?)\n {4}\*\/\n {4})?'([^']+)'(\??): /gm)) {
    const [, description = '', name = '', optional] = match;
    documented.set(name, { required: optional === '', description: unescapeComment(description) });
  }
  return {
    className,
    description: unescapeComment(described?.[1] ?? ''),
    properties: attributes.map(({ name, baseName, type, format }) => {
      const found = documented.get(name) ?? documented.get(baseName);
      if (!found) throw new Error(`no declaration of ${className}.${name}`);
      return { name: baseName, type, format, ...found };
    }),
  };
}

/** The client's generator escapes quotes as for a string literal, and breaks up comment ends. */
function unescapeComment(text: string): string {
  return text
    .replace(/\\(['"\\])/g, '$1')
    .replaceAll('*_/', '*/')
    .replace(/\n\s*\*? ?/g, '\n')
    .trim();
}
