/** Watches: where they begin, what they tell, how they end. */
import type { WatchReader } from './watch-reader.ts';
import { outgrowMemory } from './manifests.ts';
import { useTarget } from './target.ts';

const target = useTarget();

describe('a watch', () => {
  let collection: string;
  const open: WatchReader[] = [];
  const watch = async (query = '') => {
    const reader = await target.admin.watch(`${collection}${query}`);
    open.push(reader);
    return reader;
  };
  const made = (name: string, metadata: object = {}) =>
    target.admin.made(collection, { metadata: { name, ...metadata } });
  const change = async (name: string, patch: object) => (await target.admin.merge(`${collection}/${name}`, patch)).body;
  const remove = (name: string) => target.admin.delete(`${collection}/${name}`);
  const version = async () => (await target.admin.read(collection)).metadata.resourceVersion;

  beforeEach(async () => {
    // Nobody but the test makes secrets in a new namespace.
    collection = `/api/v1/namespaces/${await target.newNamespace()}/secrets`;
  });
  afterEach(() => {
    for (const reader of open.splice(0)) reader.close();
  });

  it('tells what happens, with the versions of the changes', async () => {
    const reader = await watch(`?resourceVersion=${await version()}`);
    const made1 = await made('a');
    const changed = await change('a', { metadata: { labels: { b: 'c' } } });
    await remove('a');
    const events = await reader.take(3);
    expect(events.map(({ type }) => type)).toEqual(['ADDED', 'MODIFIED', 'DELETED']);
    expect(events[0]?.object).toEqual(made1);
    expect(events[1]?.object).toEqual(changed);
    expect(events[2]?.object.metadata.name).toBe('a');
    expect(BigInt(events[2]?.object.metadata.resourceVersion ?? 0)).toBeGreaterThan(
      BigInt(changed.metadata.resourceVersion),
    );
  });

  it('begins after the version, nothing missed and nothing repeated', async () => {
    await made('before');
    const from = await version();
    await made('between');
    await change('before', { metadata: { labels: { b: 'c' } } });
    const reader = await watch(`?resourceVersion=${from}`);
    await made('after');
    expect(await reader.nextNames(3)).toEqual(['ADDED between', 'MODIFIED before', 'ADDED after']);
  });

  it.each(['', '?resourceVersion=0'])('begins with what is there: %p', async (query) => {
    await made('there');
    const reader = await watch(query);
    expect(await reader.nextNames(1)).toEqual(['ADDED there']);
    await remove('there');
    expect(await reader.nextNames(1)).toEqual(['DELETED there']);
  });

  it('streams a list, and says where it ends', async () => {
    await made('a');
    await made('b');
    const from = await version();
    const reader = await watch('?sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true');
    expect((await reader.nextNames(2)).sort()).toEqual(['ADDED a', 'ADDED b']);
    const end = await reader.next();
    expect(end).toMatchObject({
      type: 'BOOKMARK',
      object: {
        kind: 'Secret',
        apiVersion: 'v1',
        metadata: { annotations: { 'k8s.io/initial-events-end': 'true' } },
      },
    });
    expect(BigInt(end.object.metadata.resourceVersion)).toBeGreaterThanOrEqual(BigInt(from));
    await made('c');
    expect(await reader.nextNames(1)).toEqual(['ADDED c']);
  });

  it('may leave the list out', async () => {
    await made('there');
    const reader = await watch('?sendInitialEvents=false&resourceVersionMatch=NotOlderThan&resourceVersion=0');
    await made('later');
    expect((await reader.nextNames(1))[0]).toBe('ADDED later');
  });

  it('tells what comes into a selection and leaves it', async () => {
    const reader = await watch(`?labelSelector=in%3Dyes&resourceVersion=${await version()}`);
    await made('moving', { labels: { in: 'no' } });
    await change('moving', { metadata: { labels: { in: 'yes' } } });
    await change('moving', { metadata: { labels: { more: 'x' } } });
    const out = await change('moving', { metadata: { labels: { in: 'no' } } });
    await remove('moving');
    await made('last', { labels: { in: 'yes' } });
    const events = await reader.take(4);
    expect(events.map(({ type, object }) => `${type} ${object.metadata.name}`)).toEqual([
      'ADDED moving',
      'MODIFIED moving',
      'DELETED moving',
      'ADDED last',
    ]);
    expect(events[2]?.object.metadata).toMatchObject({
      labels: { in: 'yes' },
      resourceVersion: out.metadata.resourceVersion,
    });
  });

  it('of one object', async () => {
    await made('other');
    await made('one');
    const reader = await watch('?fieldSelector=metadata.name%3Done');
    expect(await reader.nextNames(1)).toEqual(['ADDED one']);
    await remove('other');
    await remove('one');
    await made('other');
    await made('one');
    expect(await reader.nextNames(2)).toEqual(['DELETED one', 'ADDED one']);
  });

  it('of everything, in all namespaces', async () => {
    const from = await version();
    const reader = await target.admin.watch(`/api/v1/secrets?resourceVersion=${from}`);
    open.push(reader);
    const { metadata } = await made('anywhere');
    const seen = await reader.until(({ object }) => object.metadata.uid === metadata.uid);
    expect(seen.at(-1)?.type).toBe('ADDED');
  });

  it('in the old form of the path', async () => {
    await made('old');
    const reader = await target.admin.watch(collection.replace('/api/v1/', '/api/v1/watch/'));
    open.push(reader);
    expect(await reader.nextNames(1)).toEqual(['ADDED old']);
  });

  it('sees concurrent writers in the order of their versions', async () => {
    const from = await version();
    const reader = await watch(`?resourceVersion=${from}`);
    const writers = ['a', 'b', 'c', 'd'].map(async (writer) => {
      for (let index = 0; index < 20; index++) await made(`${writer}-${index}`);
    });
    await Promise.all(writers);
    const events = await reader.take(80);
    const versions = events.map(({ object }) => Number(object.metadata.resourceVersion));
    expect(versions).toEqual([...versions].sort((a, b) => a - b));
    expect(new Set(versions).size).toBe(80);
    const ofWriter = events.map(({ object }) => object.metadata.name).filter((name) => name.startsWith('b-'));
    expect(ofWriter).toEqual(Array.from({ length: 20 }, (_, index) => `b-${index}`));
  });

  it('shows the mark of a deletion before the deletion', async () => {
    await made('held', { finalizers: ['example.com/hold'] });
    const reader = await watch();
    await remove('held');
    await change('held', { metadata: { finalizers: null } });
    const events = await reader.until(({ type }) => type === 'DELETED');
    expect(events[0]).toMatchObject({ type: 'ADDED', object: { metadata: { name: 'held' } } });
    expect(events[1]).toMatchObject({
      type: 'MODIFIED',
      object: { metadata: { deletionTimestamp: expect.any(String) } },
    });
  });

  it('tells a dry run to nobody', async () => {
    const reader = await watch(`?resourceVersion=${await version()}`);
    await target.admin.post(`${collection}?dryRun=All`, { metadata: { name: 'dry' } });
    await made('wet');
    expect(await reader.nextNames(1)).toEqual(['ADDED wet']);
  });

  it('ends at its time, and says where it was before', async () => {
    const reader = await watch('?timeoutSeconds=3&allowWatchBookmarks=true');
    const { metadata } = await made('only');
    const events = await reader.rest();
    expect(events.map(({ type }) => type)).toEqual(['ADDED', 'BOOKMARK']);
    expect(BigInt(events[1]?.object.metadata.resourceVersion ?? 0)).toBeGreaterThanOrEqual(
      BigInt(metadata.resourceVersion),
    );
  });

  it('from a time that is forgotten gets 410', async () => {
    if (!target.forgetHistory) return;
    const from = await version();
    await outgrowMemory(target.admin, collection);
    const { metadata } = await made('a');
    await target.forgetHistory(BigInt(metadata.resourceVersion));
    const reply = await target.admin.get(`${collection}?watch=1&timeoutSeconds=2&resourceVersion=1`);
    const status = reply.code === 200 ? JSON.parse(reply.text.split('\n')[0] ?? '').object : reply.body;
    expect(status).toMatchObject({ kind: 'Status', code: 410, reason: 'Expired' });
    expect(status.message).toMatch(
      /too old resource version: 1 \(\d+\)|The resourceVersion for the provided watch is too old\./,
    );
    expect(BigInt(from)).toBeGreaterThan(1n);
  });

  it('from no version at all is refused', async () => {
    const reply = await target.admin.get(`${collection}?watch=1&resourceVersion=new`);
    expect(reply.code).toBe(400);
    expect(reply.body.message).toContain('strconv.ParseUint: parsing "new": invalid syntax');
    const selector = await target.admin.get(`${collection}?watch=1&labelSelector=a%20in%20b`);
    expect(selector.code).toBe(400);
  });
});
