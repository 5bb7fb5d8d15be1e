/** A chart as `helm template` shows it: its values checked by its schema, its templates over them. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { KubeObject } from '@slipway/api/types';
import { isJsonObject, type JsonValue } from '@slipway/api/patch/json-value';
import { Ajv } from 'ajv';
import { parse, parseAllDocuments } from 'yaml';
import { evaluate } from './evaluate.ts';
import { type Body, parseTemplate } from './parse.ts';
import { TemplateError } from './template-error.ts';

export interface Release {
  readonly name: string;
  readonly namespace: string;
}

export interface Rendered {
  /** All manifests in one text, each headed by the file that it comes from. Custom resource definitions are not among them. */
  readonly text: string;
  readonly objects: readonly KubeObject[];
  readonly notes: string;
}

type Values = { readonly [key: string]: JsonValue };

/** Values that the schema of the chart refuses. One line per problem, which begins with the path of the value. */
export class ValuesError extends Error {
  override readonly name = 'ValuesError';
}

/** Throws `ValuesError` and `TemplateError`. */
export function renderChart(directory: string, release: Release, given: Values = {}): Rendered {
  const values = mergedValues(readYaml(join(directory, 'values.yaml')), given);
  checkValues(directory, values);
  const { defined, bodies } = readTemplates(directory);
  const chart = readYaml(join(directory, 'Chart.yaml'));
  const data = {
    Values: values,
    Release: { Name: release.name, Namespace: release.namespace, Service: 'Helm' },
    Chart: { Name: chart.name, Version: chart.version, AppVersion: chart.appVersion },
  };
  const made = (file: string, body: Body) => ({ file, text: evaluate(body, data, defined) });
  const notes = bodies.get('NOTES.txt');
  const manifests = [...bodies]
    .filter(([file]) => file.endsWith('.yaml'))
    .map(([file, body]) => made(file, body))
    .filter(({ text }) => text.trim() !== '');
  return {
    text: manifests
      .map(({ file, text }) => `---\n# Source: ${String(chart.name)}/templates/${file}\n${text.trim()}\n`)
      .join(''),
    objects: manifests.flatMap(({ file, text }) => objectsOf(file, text)),
    notes: notes ? made('NOTES.txt', notes).text : '',
  };
}

/** The chart's own values with those of the user over them: maps are merged, a null takes away, all else is replaced. */
export function mergedValues(own: Values, given: Values): Values {
  const merged: Record<string, JsonValue> = { ...own };
  for (const [key, value] of Object.entries(given)) {
    const before = merged[key];
    if (value === null) delete merged[key];
    else merged[key] = isJsonObject(value) && isJsonObject(before) ? mergedValues(before, value) : value;
  }
  return merged;
}

export function valuesSchema(directory: string): Values {
  return JSON.parse(readFileSync(join(directory, 'values.schema.json'), 'utf8')) as Values;
}

function checkValues(directory: string, values: Values): void {
  // Strict: a keyword that the validator does not know is a mistake in the schema.
  const check = new Ajv({ strict: true, allErrors: true, allowUnionTypes: true }).compile(valuesSchema(directory));
  if (check(values)) return;
  const problems = (check.errors ?? []).map(({ instancePath, message = '', params }) => {
    const extra = (params as { additionalProperty?: string }).additionalProperty;
    return `${instancePath || '/'} ${message}${extra === undefined ? '' : `: ${extra}`}`;
  });
  throw new ValuesError([...new Set(problems)].join('\n'));
}

function readTemplates(directory: string) {
  const folder = join(directory, 'templates');
  const defined = new Map<string, Body>();
  const bodies = new Map<string, Body>();
  for (const file of readdirSync(folder).sort()) {
    const parsed = parseTemplate(readFileSync(join(folder, file), 'utf8'), file);
    for (const [name, body] of parsed.defined) {
      if (defined.has(name)) throw new TemplateError(`${file}: ${name} is defined twice`);
      defined.set(name, body);
    }
    if (!file.startsWith('_')) bodies.set(file, parsed.body);
  }
  return { defined, bodies };
}

/** Helm reads YAML 1.1, kubectl too; what would be something else in 1.2 (yes, 0644) is refused. */
function objectsOf(file: string, text: string): KubeObject[] {
  const read = (version: '1.1' | '1.2') =>
    parseAllDocuments(text, { version, uniqueKeys: true }).flatMap((document) => {
      const [problem] = [...document.errors, ...document.warnings];
      if (problem) throw new TemplateError(`${file}: ${problem.message}`);
      return (document.toJS() as KubeObject | null) ?? [];
    });
  const objects = read('1.1');
  if (JSON.stringify(objects) !== JSON.stringify(read('1.2')))
    throw new TemplateError(`${file}: means something else in YAML 1.2; quote it`);
  return objects;
}

function readYaml(path: string): Values {
  return parse(readFileSync(path, 'utf8'), { version: '1.1' }) as Values;
}
