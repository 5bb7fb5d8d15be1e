// The shape of an object as data, for everything that walks objects by their schema: decoding, pruning, patching, field ownership.
// Built-in kinds and custom resources have the same form. What only a reader of documentation needs (descriptions) is not in it.

import type { JsonValue } from '../patch/json-value.ts';

export type Schema = ObjectSchema | MapSchema | ListSchema | UnionSchema | ScalarSchema | AnySchema;

/** How strategic merge patch treats the property that has this schema. */
interface PatchSemantics {
  /** `merge`, `replace`, `retainKeys`; empty means the default, replace for lists and merge for objects. */
  readonly patchStrategy: readonly string[];
  /** The field by which items of a list are the same item. */
  readonly patchMergeKey: string | undefined;
  /** Null is a value of its own, and is kept. Built-in kinds never have it. */
  readonly nullable: boolean;
}

/** An object with named fields; fields not named here are unknown. */
export interface ObjectSchema extends PatchSemantics {
  readonly type: 'object';
  /** The name of the definition (`io.k8s.api.core.v1.PodSpec`); empty for a part of a custom resource's schema. */
  readonly name: string;
  /** Read on first use, as schemas refer to each other and to themselves. */
  readonly fields: ReadonlyMap<string, Schema>;
  readonly required: readonly string[];
  /** Server-side apply owns it as a whole. */
  readonly atomic: boolean;
  /** Unknown fields are kept. */
  readonly preserveUnknownFields: boolean;
}

/** An object with arbitrary keys. */
export interface MapSchema extends PatchSemantics {
  readonly type: 'map';
  readonly values: Schema;
  readonly atomic: boolean;
}

export interface ListSchema extends PatchSemantics {
  readonly type: 'list';
  readonly items: Schema;
  readonly listType: 'atomic' | 'set' | 'map';
  /** Of a list of type map: the fields that together identify an item. */
  readonly listMapKeys: readonly string[];
  /** Values of key fields where an item leaves them out. */
  readonly keyDefaults?: Readonly<Record<string, JsonValue>>;
}

/** An object of the given schema, or else any other value: JSONSchemaPropsOrBool and its like. */
export interface UnionSchema extends PatchSemantics {
  readonly type: 'union';
  readonly object: ObjectSchema;
}

export type ScalarType =
  | 'string'
  | 'boolean'
  | 'int32'
  | 'int64'
  | 'double'
  /** Base64 on the wire. */
  | 'bytes'
  /** RFC 3339 to the second. */
  | 'time'
  /** RFC 3339 to the microsecond. */
  | 'microTime'
  /** A string after decoding; a number is accepted too. */
  | 'quantity'
  | 'intOrString';

export interface ScalarSchema extends PatchSemantics {
  readonly type: ScalarType;
}

/** Any JSON value, unexamined. */
export interface AnySchema extends PatchSemantics {
  readonly type: 'any';
}

/** Where schemas are looked up by those who serve kinds. */
export interface SchemaCatalog {
  /** By definition name. */
  definition(name: string): ObjectSchema | undefined;
  kind(kind: { readonly group: string; readonly version: string; readonly kind: string }): ObjectSchema | undefined;
}
