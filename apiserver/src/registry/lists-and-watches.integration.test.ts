import { request } from 'node:https';
import type { ConfigMap, KubeList } from '@slipway/api/types';
import { startTestServer, type TestServer } from '../testing/start-test-server.ts';

let test: TestServer;
beforeAll(async () => {
  test = await startTestServer();
  for (let index = 0; index < 5; index++) await make(`m${index}`, index % 2 === 0 ? 'even' : 'odd');
});
afterAll(() => test.stop());

const maps = '/api/v1/namespaces/default/configmaps';

async function make(name: string, kind: string, path = maps): Promise<ConfigMap> {
  const body = { metadata: { name, labels: { kind } }, data: {} };
  return (await test.fetch(path, { method: 'POST', body })).body as ConfigMap;
}

async function list(query: string): Promise<{ names: (string | undefined)[] } & KubeList> {
  const { body } = await test.fetch(`${maps}?${query}`);
  const answered = body as KubeList;
  return { ...answered, names: (answered.items ?? []).map(({ metadata }) => metadata.name) };
}

describe('list', () => {
  it('answers all, by key, with a version', async () => {
    const all = await list('');
    expect(all).toMatchObject({ kind: 'ConfigMapList', apiVersion: 'v1', names: ['m0', 'm1', 'm2', 'm3', 'm4'] });
    expect(Number(all.metadata.resourceVersion)).toBeGreaterThan(0);
  });

  it('selects by labels and fields', async () => {
    expect((await list('labelSelector=kind=even')).names).toEqual(['m0', 'm2', 'm4']);
    expect((await list('labelSelector=kind%20notin%20(even)')).names).toEqual(['m1', 'm3']);
    expect((await list('fieldSelector=metadata.name=m3')).names).toEqual(['m3']);
    expect((await list('fieldSelector=metadata.name!=m3&labelSelector=kind=odd')).names).toEqual(['m1']);
    const { status, body } = await test.fetch(`${maps}?fieldSelector=data.x=y`);
    expect(status).toBe(400);
    expect(body).toMatchObject({
      message: '"data.x" is not a known field selector: only "metadata.name", "metadata.namespace"',
    });
  });

  it('goes page by page at one version', async () => {
    const first = await list('limit=2');
    expect(first.names).toEqual(['m0', 'm1']);
    expect(first.metadata.remainingItemCount).toBe(3);
    await make('m1a', 'late');
    const second = await list(`limit=2&continue=${first.metadata.continue}`);
    expect(second.names).toEqual(['m2', 'm3']);
    expect(second.metadata.resourceVersion).toBe(first.metadata.resourceVersion);
    const last = await list(`limit=2&continue=${second.metadata.continue}`);
    expect(last.names).toEqual(['m4']);
    expect(last.metadata.continue).toBeUndefined();
    await test.fetch(`${maps}/m1a`, { method: 'DELETE' });
  });

  it('fills pages behind a selector', async () => {
    const first = await list('limit=1&labelSelector=kind=odd');
    expect(first.names).toEqual(['m1']);
    expect(first.metadata.remainingItemCount).toBeUndefined();
    expect((await list(`limit=1&labelSelector=kind=odd&continue=${first.metadata.continue}`)).names).toEqual(['m3']);
  });

  it('answers an exact version, and refuses one that is to come', async () => {
    const before = await list('');
    await make('m9', 'late');
    const exact = await list(`resourceVersion=${before.metadata.resourceVersion}&resourceVersionMatch=Exact`);
    expect(exact.names).not.toContain('m9');
    expect(
      (await list(`resourceVersion=${before.metadata.resourceVersion}&resourceVersionMatch=NotOlderThan`)).names,
    ).toContain('m9');
    await test.fetch(`${maps}/m9`, { method: 'DELETE' });
  });

  it.each([
    ['limit=x', 400, 'strconv.ParseInt: parsing "x": invalid syntax'],
    ['resourceVersion=x', 400, /invalid syntax/],
    ['continue=garbage', 400, /continue key is not valid/],
    ['resourceVersionMatch=Exact', 422, /resourceVersionMatch is forbidden unless resourceVersion is provided/],
    ['resourceVersionMatch=Exact&resourceVersion=0', 422, /"exact" is forbidden for resourceVersion "0"/],
    ['sendInitialEvents=true', 422, /sendInitialEvents is forbidden for list/],
    ['labelSelector=a%20b', 400, /unable to parse requirement/],
  ])('refuses %s', async (query, code, message) => {
    const { status, body } = await test.fetch(`${maps}?${query}`);
    expect(status).toBe(code);
    const { message: said } = body as { message: string };
    expect(said).toMatch(message);
  });
});

interface Event {
  readonly type: string;
  readonly object: ConfigMap & { code?: number; message?: string };
}

/** Reads a watch until it has seen `count` events, or to its end. */
function watch(
  query: string,
  count = Number.POSITIVE_INFINITY,
): { readonly started: Promise<void>; readonly events: Promise<Event[]> } {
  const started = Promise.withResolvers<void>();
  const events = new Promise<Event[]>((resolve, reject) => {
    const seen: Event[] = [];
    let rest = '';
    const sent = request(
      new URL(`${maps}?watch=1&${query}`, test.url),
      {
        ca: test.server.pki.caCertificate,
        cert: test.adminCertificate.certificate,
        key: test.adminCertificate.privateKey,
        agent: false,
      },
      (response) => {
        started.resolve();
        response.on('data', (chunk: Buffer) => {
          const lines = (rest + chunk.toString()).split('\n');
          rest = lines.pop() ?? '';
          seen.push(...lines.map((line) => JSON.parse(line) as Event));
          if (seen.length < count) return;
          resolve(seen);
          response.destroy();
        });
        response.on('end', () => resolve(seen));
        response.on('error', () => resolve(seen));
      },
    );
    sent.on('error', reject);
    sent.end();
  });
  return { started: started.promise, events };
}

const shown = (events: readonly Event[]) => events.map(({ type, object }) => `${type} ${object.metadata.name}`);

describe('watch', () => {
  it('begins with the state, and goes on with changes', async () => {
    const { started, events } = watch('', 8);
    await started;
    await make('w', 'even');
    await test.fetch(`${maps}/w`, {
      method: 'PATCH',
      body: { data: { a: '1' } },
      headers: { 'content-type': 'application/merge-patch+json' },
    });
    await test.fetch(`${maps}/w`, { method: 'DELETE' });
    expect(shown(await events)).toEqual([
      ...['m0', 'm1', 'm2', 'm3', 'm4'].map((name) => `ADDED ${name}`),
      'ADDED w',
      'MODIFIED w',
      'DELETED w',
    ]);
  });

  it('goes on after a version, from the history', async () => {
    const { metadata } = await list('');
    await make('h', 'even');
    await test.fetch(`${maps}/h`, { method: 'DELETE' });
    const seen = await watch(`resourceVersion=${metadata.resourceVersion}`, 2).events;
    expect(shown(seen)).toEqual(['ADDED h', 'DELETED h']);
    const [added, deleted] = seen.map(({ object }) => Number(object.metadata.resourceVersion));
    expect(deleted).toBeGreaterThan(added ?? 0);
  });

  it('shows objects that begin and cease to match as added and deleted', async () => {
    const { metadata } = await list('');
    const { started, events } = watch(`resourceVersion=${metadata.resourceVersion}&labelSelector=kind=chosen`, 4);
    await started;
    const label = (kind: string) =>
      test.fetch(`${maps}/s`, {
        method: 'PATCH',
        body: { metadata: { labels: { kind } } },
        headers: { 'content-type': 'application/merge-patch+json' },
      });
    await make('s', 'other');
    await label('chosen');
    await test.fetch(`${maps}/s`, {
      method: 'PATCH',
      body: { data: { a: '1' } },
      headers: { 'content-type': 'application/merge-patch+json' },
    });
    const left = await label('other');
    await label('chosen');
    await test.fetch(`${maps}/s`, { method: 'DELETE' });
    const seen = await events;
    expect(shown(seen)).toEqual(['ADDED s', 'MODIFIED s', 'DELETED s', 'ADDED s']);
    expect(seen[2]?.object.metadata.resourceVersion).toBe((left.body as ConfigMap).metadata.resourceVersion);
  });

  it('sends the initial events and the bookmark that ends them', async () => {
    const seen = await watch(
      'sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&timeoutSeconds=1',
    ).events;
    expect(seen.slice(0, 5).map(({ type }) => type)).toEqual(Array(5).fill('ADDED'));
    expect(seen[5]).toMatchObject({
      type: 'BOOKMARK',
      object: {
        kind: 'ConfigMap',
        metadata: { annotations: { 'k8s.io/initial-events-end': 'true' }, resourceVersion: expect.any(String) },
      },
    });
    expect(seen).toHaveLength(6);
  });

  it('ends at its time-out', async () => {
    const { metadata } = await list('');
    expect(await watch(`timeoutSeconds=1&resourceVersion=${metadata.resourceVersion}`).events).toEqual([]);
  });

  it('answers Tables when asked', async () => {
    const { body } = await test.fetch(`${maps}?limit=1`, {
      headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json' },
    });
    expect(body).toMatchObject({
      kind: 'Table',
      columnDefinitions: [{ name: 'Name' }, { name: 'Data' }, { name: 'Age' }],
      rows: [{ cells: ['m0', 0, expect.any(String)], object: { kind: 'PartialObjectMetadata' } }],
    });
  });

  it('answers metadata only when asked', async () => {
    const { body } = await test.fetch(`${maps}/m0`, {
      headers: { accept: 'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io' },
    });
    expect(body).toMatchObject({
      kind: 'PartialObjectMetadata',
      apiVersion: 'meta.k8s.io/v1',
      metadata: { name: 'm0' },
    });
    expect(body).not.toHaveProperty('data');
  });

  it('ends all watches when the server stops', async () => {
    const other = await startTestServer();
    const transport = other.server.transport({ name: 'admin', groups: ['system:masters'] });
    const path = { group: '', version: 'v1', resource: 'configmaps' };
    const never = new AbortController();
    const batches: unknown[] = [];
    const watching = (async () => {
      for await (const batch of transport.watch({ path }, never.signal)) batches.push(batch);
    })();
    await other.stop();
    await watching;
  });
});
