import { definitions } from './definitions.ts';

interface Schema {
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly additionalProperties?: Schema;
}
interface Definition {
  readonly spec: {
    readonly group: string;
    readonly names: { readonly kind: string };
    readonly versions: readonly { readonly schema: { readonly openAPIV3Schema: Schema } }[];
  };
}

/** Paths without a description, below a schema. */
function silent(schema: Schema, path: string): string[] {
  const here = Object.entries(schema.properties ?? {}).flatMap(([name, each]) => [
    ...(each.description ? [] : [`${path}.${name}`]),
    ...silent(each, `${path}.${name}`),
  ]);
  const inside = [schema.items, schema.additionalProperties].flatMap((each) =>
    typeof each === 'object' ? silent(each, path) : [],
  );
  return [...here, ...inside];
}

const everyKind = ['.apiVersion', '.kind', '.metadata'];

it('kubectl explain has a sentence for every field of the kinds of ECS', () => {
  const found = (definitions() as unknown as readonly Definition[])
    .filter(({ spec }) => spec.group === 'ecs.slipway.dev')
    .flatMap(({ spec }) =>
      spec.versions.flatMap(({ schema }) => silent(schema.openAPIV3Schema, '').map((path) => [spec.names.kind, path])),
    )
    .filter(([, path = '']) => !everyKind.includes(path));
  expect(found).toEqual([]);
});
