/** Custom kinds for tests, each in a group of its own so that tests do not meet. */
import { randomBytes } from 'node:crypto';
import { eventually } from '../harness/eventually.ts';
import type { ApiClient, ApiObject, Tree } from './api-client.ts';

export const definitionsPath = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';

export interface CustomKind {
  readonly name: string;
  readonly group: string;
  readonly kind: string;
  /** `/apis/GROUP/VERSION/namespaces/NAMESPACE/PLURAL` */
  at(namespace: string, version?: string): string;
  object(name: string, content: Tree, version?: string): Tree;
}

export interface KindOptions {
  /** The schema of `spec`. */
  readonly spec?: Tree;
  /** Beside the schema: subresources, columns. */
  readonly version?: Tree;
  /** Instead of the one version v1. */
  readonly versions?: readonly Tree[];
  readonly names?: Tree;
  /** Of the definition's spec. */
  readonly more?: Tree;
}

let counter = 0;

/** The definition of a new kind, as a client sends it. */
export function newDefinition(options: KindOptions = {}): { readonly body: Tree; readonly kind: CustomKind } {
  const unique = `${counter++}${randomBytes(3).toString('hex')}`;
  const group = `g${unique}.example.com`;
  const schema = {
    openAPIV3Schema: { type: 'object', properties: { spec: options.spec ?? preserving, status: preserving } },
  };
  const versions = options.versions ?? [{ name: 'v1', served: true, storage: true, schema, ...options.version }];
  const name = `widgets.${group}`;
  const body = {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name },
    spec: {
      group,
      scope: 'Namespaced',
      names: { plural: 'widgets', kind: 'Widget', ...options.names },
      versions,
      ...options.more,
    },
  };
  const kind: CustomKind = {
    name,
    group,
    kind: 'Widget',
    at: (namespace, version = 'v1') => `/apis/${group}/${version}/namespaces/${namespace}/widgets`,
    object: (own, content, version = 'v1') => ({
      apiVersion: `${group}/${version}`,
      kind: 'Widget',
      metadata: { name: own },
      ...content,
    }),
  };
  return { body, kind };
}

const preserving: Tree = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };

export async function establish(admin: ApiClient, options: KindOptions = {}): Promise<CustomKind> {
  const { body, kind } = newDefinition(options);
  await admin.made(definitionsPath, body);
  await established(admin, kind);
  return kind;
}

/** Waits until objects of the kind can be listed, as a client does who just made it. */
export async function established(admin: ApiClient, { name, group }: CustomKind): Promise<void> {
  await until(async () => isTrue(await admin.read(`${definitionsPath}/${name}`), 'Established'), `${name} established`);
  await until(async () => (await admin.get(`/apis/${group}`)).code === 200, `${group} in discovery`);
}

export function conditionOf(definition: ApiObject, type: string): Tree | undefined {
  const { conditions = [] } = (definition.status ?? {}) as { conditions?: readonly Tree[] };
  return conditions.find((condition) => condition.type === type);
}

function isTrue(definition: ApiObject, type: string): boolean {
  return conditionOf(definition, type)?.status === 'True';
}

export function until(holds: () => Promise<boolean>, what: string): Promise<void> {
  return eventually(what, async () => expect(await holds()).toBe(true));
}
