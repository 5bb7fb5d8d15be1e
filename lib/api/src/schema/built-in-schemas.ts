// The schemas of the built-in kinds, read from `generated/schemas.ts`: one line per definition, `name TAB group/version/kind TAB JSON`.
// In the JSON, a type is one of
//
//   "string" | "int32" | "any" | ...       a scalar
//   "#17"                                  the definition on line 17
//   { list: type, type?, keys? }           a list, its list type and the keys of a list of type map
//   { map: type }                          a map
//   { union: "#17" }                       that object, or any other value
//   { of: type }                           a type with one of the details below
//
// with the details `patch` (strategies), `mergeKey` and `atomic`. A line is parsed when somebody first asks for it.

import { schemaLines } from '../generated/schemas.ts';
import type { AnySchema, ObjectSchema, ScalarSchema, ScalarType, Schema, SchemaCatalog } from './structural-schema.ts';

interface Details {
  readonly patch?: readonly string[];
  readonly mergeKey?: string;
  readonly atomic?: boolean;
}

type CompactType =
  | string
  | (Details & { readonly of: CompactType })
  | (Details & {
      readonly list: CompactType;
      readonly type?: 'atomic' | 'set' | 'map';
      readonly keys?: readonly string[];
    })
  | (Details & { readonly map: CompactType })
  | (Details & { readonly union: string });

interface CompactDefinition {
  readonly fields: Record<string, CompactType>;
  readonly required?: readonly string[];
  readonly atomic?: boolean;
}

class DefinitionSchema implements ObjectSchema {
  readonly type = 'object';
  readonly name: string;
  readonly nullable = false;
  readonly preserveUnknownFields = false;
  readonly patchStrategy: readonly string[];
  readonly patchMergeKey: string | undefined;
  readonly #source: DefinitionSource;
  readonly #atomic: boolean;

  constructor(source: DefinitionSource, details: Details) {
    this.name = source.name;
    this.patchStrategy = details.patch ?? none;
    this.patchMergeKey = details.mergeKey;
    this.#source = source;
    this.#atomic = details.atomic ?? false;
  }

  get fields(): ReadonlyMap<string, Schema> {
    return this.#source.read().fields;
  }

  get required(): readonly string[] {
    return this.#source.read().required;
  }

  get atomic(): boolean {
    return this.#atomic || this.#source.read().atomic;
  }
}

interface Definition {
  readonly fields: ReadonlyMap<string, Schema>;
  readonly required: readonly string[];
  readonly atomic: boolean;
}

/** One line, parsed at most once. Every use of the definition shares it, whatever details the use has of its own. */
class DefinitionSource {
  readonly name: string;
  /** The schema of uses without details. */
  readonly schema: ObjectSchema;
  readonly #json: string;
  readonly #catalog: BuiltInSchemas;
  #definition: Definition | undefined;

  constructor(name: string, json: string, catalog: BuiltInSchemas) {
    this.name = name;
    this.#json = json;
    this.#catalog = catalog;
    this.schema = new DefinitionSchema(this, {});
  }

  read(): Definition {
    this.#definition ??= this.#parse();
    return this.#definition;
  }

  #parse(): Definition {
    const { fields, required = none, atomic = false } = JSON.parse(this.#json) as CompactDefinition;
    const entries = Object.entries(fields).map(([name, type]) => [name, this.#catalog.expand(type)] as const);
    return { fields: new Map(entries), required, atomic };
  }
}

class BuiltInSchemas implements SchemaCatalog {
  readonly #sources: DefinitionSource[] = [];
  readonly #byName = new Map<string, DefinitionSource>();
  readonly #byKind = new Map<string, DefinitionSource>();

  constructor(lines: string) {
    for (const line of lines.split('\n')) {
      const [name = '', kind = '', json = ''] = line.split('\t');
      const source = new DefinitionSource(name, json, this);
      this.#sources.push(source);
      this.#byName.set(name, source);
      if (kind !== '') this.#byKind.set(kind, source);
    }
  }

  definition(name: string): ObjectSchema | undefined {
    return this.#byName.get(name)?.schema;
  }

  kind({ group, version, kind }: { group: string; version: string; kind: string }): ObjectSchema | undefined {
    return this.#byKind.get(`${group}/${version}/${kind}`)?.schema;
  }

  expand(type: CompactType): Schema {
    if (typeof type === 'string') return type.startsWith('#') ? this.#source(type).schema : leaf(type, {});
    if ('of' in type) {
      if (typeof type.of !== 'string') return { ...this.expand(type.of), ...patchSemantics(type) };
      return type.of.startsWith('#') ? new DefinitionSchema(this.#source(type.of), type) : leaf(type.of, type);
    }
    if ('union' in type) return { type: 'union', object: this.#source(type.union).schema, ...patchSemantics(type) };
    if ('map' in type) {
      return { type: 'map', values: this.expand(type.map), atomic: type.atomic ?? false, ...patchSemantics(type) };
    }
    return {
      type: 'list',
      items: this.expand(type.list),
      listType: type.type ?? 'atomic',
      listMapKeys: type.keys ?? none,
      ...patchSemantics(type),
    };
  }

  #source(reference: string): DefinitionSource {
    const source = this.#sources[Number(reference.slice(1))];
    if (!source) throw new Error(`generated/schemas.ts has no line ${reference}`);
    return source;
  }
}

const none: readonly string[] = [];
const plainLeaves = new Map<string, ScalarSchema | AnySchema>();

/** Leaves without details are shared. */
function leaf(type: string, details: Details): ScalarSchema | AnySchema {
  const made: ScalarSchema | AnySchema = { type: type as ScalarType | 'any', ...patchSemantics(details) };
  if (details.patch || details.mergeKey !== undefined) return made;
  const shared = plainLeaves.get(type) ?? made;
  plainLeaves.set(type, shared);
  return shared;
}

function patchSemantics(details: Details) {
  return { patchStrategy: details.patch ?? none, patchMergeKey: details.mergeKey, nullable: false };
}

/** The schemas of every built-in kind, and of the machinery: lists, Status, DeleteOptions. */
export const builtInSchemas: SchemaCatalog = new BuiltInSchemas(schemaLines);
