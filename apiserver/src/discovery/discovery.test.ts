import { type ApiResource, builtInResources } from '@slipway/api/resources';
import { createDiscovery, type Discovery } from './create-discovery.ts';
import { aggregatedVersion, openApiV2Form } from './negotiation.ts';
import { compareVersions, type AdvertisedResource } from './advertised-resource.ts';

const cronTab: AdvertisedResource = {
  group: 'stable.example.com',
  version: 'v1',
  resource: 'crontabs',
  kind: 'CronTab',
  namespaced: true,
  singular: 'crontab',
  shortNames: ['ct'],
  categories: [],
  verbs: ['get', 'list', 'patch'],
  subresources: [],
  openApiSchema: {
    type: 'object',
    properties: { size: { anyOf: [{ type: 'integer' }, { type: 'string' }] } },
    anyOf: [{ required: ['size'] }],
  },
};

function discovery(resources: readonly AdvertisedResource[] = [...builtInResources, cronTab]): Discovery {
  return createDiscovery(resources, { serverAddress: '192.0.2.1:6443' });
}

function parse(document: { plain(): Buffer } | undefined): Json {
  return JSON.parse(String(document?.plain())) as Json;
}

const jsonSchemaProps = 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps';

// biome-ignore lint/suspicious/noExplicitAny: documents are looked into at arbitrary depth
type Json = any;

const pods = builtInResources.find(({ resource }) => resource === 'pods') as ApiResource;

describe('plain discovery', () => {
  it('lists versions and groups', () => {
    expect(parse(discovery().apiVersions())).toEqual({
      kind: 'APIVersions',
      versions: ['v1'],
      serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress: '192.0.2.1:6443' }],
    });
    const { groups } = parse(discovery().groupList());
    expect(groups.find(({ name }: Json) => name === 'autoscaling')).toEqual({
      name: 'autoscaling',
      versions: [
        { groupVersion: 'autoscaling/v2', version: 'v2' },
        { groupVersion: 'autoscaling/v1', version: 'v1' },
      ],
      preferredVersion: { groupVersion: 'autoscaling/v2', version: 'v2' },
    });
    expect(groups.some(({ name }: Json) => name === '')).toBe(false);
    expect(parse(discovery().group('apps'))).toMatchObject({ kind: 'APIGroup', name: 'apps' });
    expect(discovery().group('nothing')).toBeUndefined();
  });

  it('lists resources and subresources', () => {
    const { resources } = parse(discovery().resourceList('', 'v1'));
    expect(resources.find(({ name }: Json) => name === 'pods')).toEqual({
      name: 'pods',
      singularName: 'pod',
      namespaced: true,
      kind: 'Pod',
      verbs: pods.verbs,
      shortNames: ['po'],
      categories: ['all'],
    });
    expect(resources.find(({ name }: Json) => name === 'pods/eviction')).toMatchObject({
      group: 'policy',
      version: 'v1',
      kind: 'Eviction',
    });
    expect(discovery().resourceList('apps', 'v9')).toBeUndefined();
  });

  it('serves only what is served', () => {
    const small = discovery([pods]);
    expect(parse(small.groupList()).groups).toEqual([]);
    expect(parse(small.aggregated('groups', 'v2')).items).toEqual([]);
    expect(parse(small.aggregated('core', 'v2')).items[0].versions[0].resources).toHaveLength(1);
  });
});

describe('aggregated discovery', () => {
  it('has everything in one document', () => {
    const document = discovery().aggregated('groups', 'v2');
    expect(document.contentType).toBe('application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList');
    const { items } = parse(document);
    const apps = items.find(({ metadata }: Json) => metadata.name === 'apps');
    const deployments = apps.versions[0].resources.find(({ resource }: Json) => resource === 'deployments');
    expect(deployments).toMatchObject({
      responseKind: { group: 'apps', version: 'v1', kind: 'Deployment' },
      scope: 'Namespaced',
      singularResource: 'deployment',
      subresources: [
        { subresource: 'scale', responseKind: { group: 'autoscaling', version: 'v1', kind: 'Scale' } },
        { subresource: 'status' },
      ],
    });
  });
});

describe('OpenAPI', () => {
  it('indexes v3 by hashes that change with what is served', async () => {
    const { paths } = parse(await discovery().openApiV3Index());
    expect(paths['api/v1'].serverRelativeURL).toMatch(/^\/openapi\/v3\/api\/v1\?hash=[0-9A-F]{128}$/);
    const fewer = parse(await discovery([pods]).openApiV3Index()).paths;
    expect(Object.keys(fewer)).toEqual(['api/v1']);
    expect(fewer['api/v1']).not.toEqual(paths['api/v1']);
  });

  it('has v3 documents whose references all resolve', async () => {
    const document = parse(await discovery().openApiV3('apps', 'v1'));
    const { schemas } = document.components;
    const targets = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)].map(
      ([, name]) => name,
    );
    expect(targets.filter((name) => !((name ?? '') in schemas))).toEqual([]);
    expect(schemas['io.k8s.api.core.v1.PodSpec'].properties.containers).toMatchObject({
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-patch-merge-key': 'name',
    });
    const { patch } = document.paths['/apis/apps/v1/namespaces/{namespace}/deployments/{name}'];
    expect(patch['x-kubernetes-group-version-kind']).toEqual({ group: 'apps', version: 'v1', kind: 'Deployment' });
    expect(patch.parameters.map(({ name }: Json) => name)).toEqual([
      'dryRun',
      'fieldManager',
      'fieldValidation',
      'force',
    ]);
    expect(await discovery().openApiV3('apps', 'v9')).toBeUndefined();
  });

  it('has one v2 document without the words of v3', async () => {
    const document = parse(await discovery().openApiV2('json'));
    const text = JSON.stringify(document.definitions);
    expect(text.includes('components/schemas')).toBe(false);
    expect(/"(allOf|oneOf|anyOf)":\[/.exec(text)?.[0]).toBeUndefined();
    expect(Object.keys(document.definitions[jsonSchemaProps].properties)).toContain('anyOf');
    const targets = [...JSON.stringify(document).matchAll(/"\$ref":"#\/definitions\/([^"]+)"/g)].map(
      ([, name]) => name ?? '',
    );
    expect(targets.filter((name) => !(name in document.definitions))).toEqual([]);
    expect(document.definitions['io.k8s.apimachinery.pkg.util.intstr.IntOrString']).toMatchObject({
      type: 'string',
      format: 'int-or-string',
    });
    expect(document.definitions['io.k8s.api.core.v1.Pod'].properties.spec.$ref).toBe(
      '#/definitions/io.k8s.api.core.v1.PodSpec',
    );
    expect(document.definitions['com.example.stable.v1.CronTab']['x-kubernetes-group-version-kind']).toEqual([
      { group: 'stable.example.com', version: 'v1', kind: 'CronTab' },
    ]);
  });

  it('has v2 as protobuf, with every definition once', async () => {
    const bytes = (await discovery([pods]).openApiV2('protobuf')).plain();
    const { definitions } = parse(await discovery([pods]).openApiV2('json'));
    const document = readMessage(bytes);
    expect(String(document.get(1)?.[0])).toBe('2.0');
    const entries = readMessage(document.get(9)?.[0]).get(1) ?? [];
    const names = entries.map((entry) => String(readMessage(entry).get(1)?.[0]));
    expect(names).toEqual(Object.keys(definitions));
    const pod = readMessage(entries[names.indexOf('io.k8s.api.core.v1.Pod')]);
    expect(String(readMessage(pod.get(2)?.[0]).get(4)?.[0])).toBe(definitions['io.k8s.api.core.v1.Pod'].description);
  });

  it('makes a document once', async () => {
    const one = discovery([pods]);
    expect(await one.openApiV3('', 'v1')).toBe(await one.openApiV3('', 'v1'));
    expect(one.groupList()).toBe(one.groupList());
  });
});

/** Fields of a protobuf message by number; varints are left out. */
function readMessage(bytes: Buffer | undefined): Map<number, Buffer[]> {
  const fields = new Map<number, Buffer[]>();
  if (!bytes) return fields;
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++] ?? 0;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < bytes.length) {
    const tag = varint();
    const size = varint();
    if ((tag & 7) !== 2) continue;
    fields.set(tag >> 3, [...(fields.get(tag >> 3) ?? []), bytes.subarray(at, at + size)]);
    at += size;
  }
  return fields;
}

describe('negotiation', () => {
  const aggregated = (version: string) =>
    `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`;

  it.each([
    [`${aggregated('v2')},${aggregated('v2beta1')},application/json`, 'v2'],
    [`${aggregated('v2beta1')},application/json`, 'v2beta1'],
    [`${aggregated('v3')},application/json`, undefined],
    ['application/json, */*', undefined],
    [undefined, undefined],
  ])('discovery for %s is %s', (accept, version) => {
    expect(aggregatedVersion(accept)).toBe(version);
  });

  it.each([
    ['application/com.github.proto-openapi.spec.v2@v1.0+protobuf', 'protobuf'],
    ['application/com.github.proto-openapi.spec.v2.v1.0+protobuf, application/json', 'protobuf'],
    ['application/json', 'json'],
    [undefined, 'json'],
    ['text/html', undefined],
  ])('/openapi/v2 for %s is %s', (accept, form) => {
    expect(openApiV2Form(accept)).toBe(form);
  });
});

describe('compareVersions', () => {
  it('orders as clients prefer', () => {
    const ordered = ['v10', 'v2', 'v1', 'v11beta2', 'v10beta3', 'v3beta1', 'v12alpha1', 'v11alpha2', 'foo1', 'foo10'];
    expect(ordered.toReversed().sort(compareVersions)).toEqual(ordered);
  });
});
