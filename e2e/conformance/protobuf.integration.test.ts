/** Protobuf in and out, the way that clients written in Go speak. */
import type { IncomingMessage } from 'node:http';
import { decodeProtobuf, encodeProtobuf } from '@slipway/api/protobuf/envelope';
import { WireReader } from '@slipway/api/protobuf/wire-reader';
import type { ApiObject, Reply } from './api-client.ts';
import { apiVersionOf, collectionOf, kindCases, objectOf, podSpec } from './manifests.ts';
import { useTarget } from './target.ts';

const target = useTarget();

const protobuf = 'application/vnd.kubernetes.protobuf';
const asProtobuf = { accept: protobuf };
const partial = ';as=PartialObjectMetadata;g=meta.k8s.io;v=v1';
const partialList = ';as=PartialObjectMetadataList;g=meta.k8s.io;v=v1';

function decoded(reply: Reply): ApiObject {
  expect(reply.headers['content-type']).toBe(protobuf);
  return decodeProtobuf(reply.bytes) as unknown as ApiObject;
}

function send(method: string, path: string, object: object, headers: object = {}) {
  const body = Buffer.from(encodeProtobuf(object));
  return target.admin.request(method, path, { body, headers: { 'content-type': protobuf, ...asProtobuf, ...headers } });
}

/** Protobuf cannot say of a list that it is there and empty. */
function sayable(object: ApiObject): object {
  const dropped = (_: string, value: unknown) => (Array.isArray(value) && value.length === 0 ? undefined : value);
  return JSON.parse(JSON.stringify(object, dropped)) as object;
}

const pod = (name: string, labels: object = {}) => ({
  kind: 'Pod',
  apiVersion: 'v1',
  metadata: { name, labels },
  spec: podSpec,
});

describe('protobuf', () => {
  const pods = () => `${target.core}/pods`;

  it('creates, reads, updates and deletes', async () => {
    const created = await send('POST', pods(), pod('a', { 'a/b': 'c' }));
    expect(created.code).toBe(201);
    const read = await target.admin.get(`${pods()}/a`, asProtobuf);
    expect(decoded(read)).toEqual(decoded(created));
    const json = await target.admin.read(`${pods()}/a`);
    expect(decoded(read)).toEqual(json);
    expect(json.metadata.labels).toEqual({ 'a/b': 'c' });

    const updated = await send('PUT', `${pods()}/a`, { ...json, metadata: { ...json.metadata, labels: { x: 'y' } } });
    expect(updated.code).toBe(200);
    expect(decoded(updated).metadata.labels).toEqual({ x: 'y' });
    const options = { kind: 'DeleteOptions', apiVersion: 'v1', gracePeriodSeconds: 0, preconditions: { uid: 'other' } };
    const refused = await send('DELETE', `${pods()}/a`, options);
    expect(refused.code).toBe(409);
    expect(decoded(refused)).toMatchObject({ kind: 'Status', status: 'Failure', reason: 'Conflict', code: 409 });
    const removed = await send('DELETE', `${pods()}/a`, { ...options, preconditions: { uid: json.metadata.uid } });
    expect(removed.code).toBe(200);
    expect((await target.admin.get(`${pods()}/a`)).code).toBe(404);
  });

  it('is what every kind speaks', async () => {
    for (const kindCase of kindCases) {
      const { kind, group, resource } = kindCase;
      const apiVersion = apiVersionOf(kindCase);
      const collection = collectionOf(kindCase, target.namespace);
      const name = `protobuf-${resource}${group.length}`;
      const about = { namespace: target.namespace, kind: 'Pod', name: 'x' };
      const reference = kind === 'Event' ? { [group === '' ? 'involvedObject' : 'regarding']: about } : {};
      const created = await send('POST', collection, { ...objectOf(kindCase, name), ...reference });
      if (created.code !== 201) throw new Error(`${kind}: ${JSON.stringify(decoded(created))}`);
      expect(decoded(created)).toEqual(sayable(await target.admin.read(`${collection}/${name}`)));
      const field = encodeURIComponent(`metadata.name=${name}`);
      const listed = await target.admin.get(`${collection}?fieldSelector=${field}`, asProtobuf);
      expect(decoded(listed)).toMatchObject({ kind: `${kind}List`, apiVersion, items: [{ metadata: { name } }] });
      await target.admin.delete(`${collection}/${name}`);
    }
  });

  it('lists the same as JSON, page by page', async () => {
    const namespace = await target.newNamespace();
    const collection = `/api/v1/namespaces/${namespace}/configmaps`;
    for (const name of ['a', 'b', 'c']) {
      await target.admin.made(collection, { metadata: { name }, data: { k: 'v'.repeat(300) } });
    }
    const whole = decoded(await target.admin.get(collection, asProtobuf));
    const json = await target.admin.read(collection);
    expect(whole.metadata.resourceVersion).toBe(json.metadata.resourceVersion);
    expect(whole.items).toEqual(json.items.map(({ kind: _, apiVersion: __, ...item }) => item));
    const page = decoded(await target.admin.get(`${collection}?limit=2`, asProtobuf));
    expect(page.metadata.remainingItemCount).toBe(1);
    const token = encodeURIComponent(page.metadata.continue ?? '');
    const rest = decoded(await target.admin.get(`${collection}?limit=2&continue=${token}`, asProtobuf));
    expect([...page.items, ...rest.items].map(({ metadata }) => metadata.name)).toEqual(
      whole.items.map(({ metadata }) => metadata.name),
    );
  });

  it('packs large lists on request', async () => {
    const namespace = await target.newNamespace();
    const collection = `/api/v1/namespaces/${namespace}/configmaps`;
    for (const name of ['a', 'b']) {
      await target.admin.made(collection, { metadata: { name }, data: { k: 'v'.repeat(100_000) } });
    }
    const packed = await target.admin.get(collection, { ...asProtobuf, 'accept-encoding': 'gzip' });
    expect(packed.headers['content-encoding']).toBe('gzip');
    expect(packed.bytes.length).toBeLessThan(100_000);
  });

  it('says errors as a Status', async () => {
    const missing = decoded(await target.admin.get(`${pods()}/missing`, asProtobuf));
    expect(missing).toEqual({
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: 'pods "missing" not found',
      reason: 'NotFound',
      details: { name: 'missing', kind: 'pods' },
      code: 404,
    });
  });

  it('answers subresources and reviews', async () => {
    const review = {
      kind: 'SelfSubjectAccessReview',
      apiVersion: 'authorization.k8s.io/v1',
      spec: { resourceAttributes: { verb: 'get', resource: 'pods' } },
    };
    const reviewed = await send('POST', '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', review);
    expect(decoded(reviewed)).toMatchObject({ status: { allowed: true } });
    const request = { kind: 'TokenRequest', apiVersion: 'authentication.k8s.io/v1', spec: { expirationSeconds: 600 } };
    const token = await send('POST', `${target.core}/serviceaccounts/default/token`, request);
    expect(decoded(token)).toMatchObject({ spec: { expirationSeconds: 600 }, status: { token: expect.any(String) } });
  });

  it('is what discovery speaks to those who want nothing else', async () => {
    expect(decoded(await target.admin.get('/api', asProtobuf))).toMatchObject({
      kind: 'APIVersions',
      versions: ['v1'],
    });
    expect(decoded(await target.admin.get('/apis', asProtobuf))).toMatchObject({ kind: 'APIGroupList' });
    const list = decoded(await target.admin.get('/apis/apps/v1', asProtobuf)) as unknown as { resources: object[] };
    expect(list.resources).toContainEqual(
      expect.objectContaining({ name: 'deployments', verbs: expect.arrayContaining(['get']) }),
    );
  });

  it('shows metadata alone', async () => {
    await send('POST', pods(), pod('partial'));
    const one = decoded(await target.admin.get(`${pods()}/partial`, { accept: protobuf + partial }));
    expect(one).toMatchObject({ kind: 'PartialObjectMetadata', metadata: { name: 'partial' } });
    expect(one).not.toHaveProperty('spec');
    const accept = `${protobuf}${partialList},application/json${partialList},application/json`;
    const list = decoded(await target.admin.get(pods(), { accept }));
    expect(list).toMatchObject({ kind: 'PartialObjectMetadataList', apiVersion: 'meta.k8s.io/v1' });
    expect(list.items.map(({ metadata }) => metadata.name)).toContain('partial');
  });
});

describe('what has no protobuf form', () => {
  const root = '/apis/wire.example.com/v1';
  const crd = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';

  beforeAll(async () => {
    const names = { plural: 'statuses', singular: 'status', kind: 'Status', listKind: 'StatusList' };
    const schema = {
      openAPIV3Schema: {
        type: 'object',
        properties: { spec: { type: 'object', properties: { size: { type: 'integer' } } } },
      },
    };
    const created = await send('POST', crd, {
      kind: 'CustomResourceDefinition',
      apiVersion: 'apiextensions.k8s.io/v1',
      metadata: { name: 'statuses.wire.example.com' },
      spec: {
        group: 'wire.example.com',
        names,
        scope: 'Namespaced',
        versions: [{ name: 'v1', served: true, storage: true, schema }],
      },
    });
    if (created.code !== 201) throw new Error(JSON.stringify(decoded(created)));
    await eventually(async () => (await target.admin.get(`${root}/statuses`)).code === 200);
    await target.admin.made(statuses(), {
      kind: 'Status',
      apiVersion: 'wire.example.com/v1',
      metadata: { name: 'a' },
      spec: { size: 3 },
    });
  });
  afterAll(() => target.admin.delete(`${crd}/statuses.wire.example.com`));
  const statuses = () => `${root}/namespaces/${target.namespace}/statuses`;

  it('custom resources', async () => {
    const refused = await target.admin.get(`${statuses()}/a`, asProtobuf);
    expect(refused.code).toBe(406);
    expect(decoded(refused).message).toBe(
      'only the following media types are accepted: application/json, application/yaml',
    );
    const fallback = await target.admin.get(`${statuses()}/a`, { accept: `${protobuf},application/json` });
    expect(fallback.body.spec).toEqual({ size: 3 });
    const sent = await send('POST', statuses(), { kind: 'Status', apiVersion: 'v1' }, { accept: 'application/json' });
    expect(sent.code).toBe(415);
    expect(sent.body.message).toContain('accepted media types include: application/json, application/yaml');
  });

  it('except their metadata', async () => {
    const one = decoded(await target.admin.get(`${statuses()}/a`, { accept: protobuf + partial }));
    expect(one).toMatchObject({ kind: 'PartialObjectMetadata', metadata: { name: 'a' } });
    const list = decoded(await target.admin.get(statuses(), { accept: protobuf + partialList }));
    expect(list.items.map(({ metadata }) => metadata.name)).toEqual(['a']);
    const response = await target.admin.stream(`${statuses()}?watch=1`, { accept: protobuf + partial });
    const [event] = await taken(framesOf(response), 1);
    expect(event).toMatchObject({ type: 'ADDED', object: { kind: 'PartialObjectMetadata', metadata: { name: 'a' } } });
    response.destroy();
  });
});

async function eventually(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds()));
}

describe('a protobuf watch', () => {
  const watched = async (query: string, accept = `${protobuf};stream=watch`) => {
    const response = await target.admin.stream(`${target.core}/secrets?watch=1${query}`, { accept });
    expect(response.statusCode).toBe(200);
    expect(response.headers['content-type']).toBe(`${protobuf};stream=watch`);
    return response;
  };

  it('is a stream of frames', async () => {
    await target.admin.made(`${target.core}/secrets`, { metadata: { name: 'there' } });
    const query = '&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true';
    const response = await watched(query);
    const events = framesOf(response);
    const initial = await taken(events, 2);
    expect(initial.map(({ type, object }) => [type, object.metadata.name])).toEqual([
      ['ADDED', 'there'],
      ['BOOKMARK', undefined],
    ]);
    expect(initial[1]?.object.metadata.annotations).toEqual({ 'k8s.io/initial-events-end': 'true' });
    await target.admin.merge(`${target.core}/secrets/there`, { metadata: { labels: { a: 'b' } } });
    await target.admin.delete(`${target.core}/secrets/there`);
    const changes = await taken(events, 2);
    expect(changes.map(({ type, object }) => [type, object.kind, object.metadata.labels])).toEqual([
      ['MODIFIED', 'Secret', { a: 'b' }],
      ['DELETED', 'Secret', { a: 'b' }],
    ]);
    response.destroy();
  });

  it('shows metadata alone', async () => {
    await target.admin.made(`${target.core}/secrets`, { metadata: { name: 'shown' } });
    const response = await watched('', `${protobuf}${partial}`);
    const [shown] = await taken(framesOf(response), 1);
    expect(shown).toMatchObject({
      type: 'ADDED',
      object: { kind: 'PartialObjectMetadata', metadata: { name: 'shown' } },
    });
    response.destroy();
  });
});

describe('negotiation', () => {
  const contentTypeFor = async (accept: string) => {
    const reply = await target.admin.get(`${target.core}/configmaps`, { accept });
    return reply.code === 200 ? reply.headers['content-type'] : reply.code;
  };

  it.each([
    [`${protobuf},application/json`, protobuf],
    [`application/json,${protobuf}`, 'application/json'],
    [`application/json;q=0.5,${protobuf};q=0.9`, protobuf],
    [`application/json;q=0.9,${protobuf};q=0.5`, 'application/json'],
    [`application/cbor,${protobuf},*/*`, protobuf],
    ['application/cbor,application/json;q=0.1', 'application/json'],
    ['text/html,*/*;q=0.1', 'application/json'],
    [`${protobuf};as=Table;g=meta.k8s.io;v=v1,application/json`, 'application/json'],
    [`${protobuf};as=Table;g=meta.k8s.io;v=v1`, 406],
    ['application/cbor', 406],
    ['image/png', 406],
  ])('of %s', async (accept, expected) => expect(await contentTypeFor(accept)).toBe(expected));

  it('says what it could answer', async () => {
    const refused = await target.admin.get(`${target.core}/configmaps`, { accept: 'application/cbor' });
    expect(refused.body).toMatchObject({
      reason: 'NotAcceptable',
      message:
        'only the following media types are accepted: application/json, application/yaml, application/vnd.kubernetes.protobuf',
    });
    const watch = await target.admin.get(`${target.core}/configmaps?watch=1`, { accept: 'application/yaml' });
    expect(watch.code).toBe(406);
    expect(watch.text.replaceAll(/\s+/g, ' ')).toContain(
      'only the following media types are accepted: application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch',
    );
  });

  it('refuses bodies that nobody reads', async () => {
    const post = (contentType: string) =>
      target.admin.request('POST', `${target.core}/configmaps`, {
        body: Buffer.from('x'),
        headers: { 'content-type': contentType },
      });
    const refused = await post('application/cbor');
    expect(refused.code).toBe(415);
    expect(refused.body.message).toBe(
      'the body of the request was in an unknown format - accepted media types include: application/json, application/yaml, application/vnd.kubernetes.protobuf',
    );
    const patched = await target.admin.request('PATCH', `${target.core}/configmaps/x`, {
      body: Buffer.from('x'),
      headers: { 'content-type': protobuf },
    });
    expect(patched.code).toBe(415);
    const broken = await post(protobuf);
    expect(broken.code).toBe(400);
    expect(broken.body.message).toContain('expected prefix [107 56 115 0]');
  });
});

interface Frame {
  readonly type: string;
  readonly object: ApiObject;
}

async function* framesOf(response: IncomingMessage): AsyncGenerator<Frame, undefined, void> {
  let waiting = Buffer.alloc(0);
  for await (const part of response) {
    waiting = Buffer.concat([waiting, part as Buffer]);
    while (waiting.length >= 4 && waiting.length >= 4 + waiting.readUInt32BE(0)) {
      const end = 4 + waiting.readUInt32BE(0);
      yield frameOf(waiting.subarray(4, end));
      waiting = waiting.subarray(end);
    }
  }
  return undefined;
}

/** A WatchEvent { type: 1, object: 2 { raw: 1 } }: its object has an envelope of its own. */
function frameOf(bytes: Buffer): Frame {
  const event = new WireReader(bytes);
  expect(event.uint32()).toBe(0x0a);
  const type = event.text();
  expect(event.uint32()).toBe(0x12);
  const extension = new WireReader(event.bytes());
  expect(extension.uint32()).toBe(0x0a);
  return { type, object: decodeProtobuf(extension.bytes()) as unknown as ApiObject };
}

async function taken(events: AsyncGenerator<Frame, undefined, void>, count: number): Promise<Frame[]> {
  const found: Frame[] = [];
  while (found.length < count) {
    const { value } = await events.next();
    if (!value) throw new Error('the watch ended');
    found.push(value);
  }
  return found;
}
