/** How objects go: preconditions, finalizers, grace, propagation. */
import { configMap, deployment, pod } from './manifests.ts';
import { useTarget } from './target.ts';

const target = useTarget();
const hold = 'example.com/hold';
const at = (name: string) => `${target.core}/configmaps/${name}`;
const made = (name: string, metadata: object = {}) =>
  target.admin.made(`${target.core}/configmaps`, configMap(name, {}, metadata));

describe('preconditions', () => {
  it('of uid and version must hold', async () => {
    const { metadata } = await made('pre');
    const uid = await target.admin.delete(at('pre'), { preconditions: { uid: 'other' } });
    expect(uid.code).toBe(409);
    expect(uid.body).toMatchObject({ reason: 'Conflict', details: { name: 'pre', kind: 'configmaps' } });
    expect(uid.body.message).toContain(
      `the UID in the precondition (other) does not match the UID in record (${metadata.uid}). ` +
        'The object might have been deleted and then recreated',
    );
    const version = await target.admin.delete(at('pre'), { preconditions: { resourceVersion: '1' } });
    expect(version.code).toBe(409);
    expect(version.body.message).toContain(
      `the ResourceVersion in the precondition (1) does not match the ResourceVersion in record (${metadata.resourceVersion}). ` +
        'The object might have been modified',
    );
    const { uid: right, resourceVersion } = metadata;
    expect((await target.admin.delete(at('pre'), { preconditions: { uid: right, resourceVersion } })).code).toBe(200);
  });
});

describe('a finalizer', () => {
  it('holds the object until it is taken off', async () => {
    await made('held', { finalizers: [hold] });
    const deleted = await target.admin.delete(at('held'));
    expect(deleted.code).toBe(200);
    expect(deleted.body).toMatchObject({
      kind: 'ConfigMap',
      metadata: { finalizers: [hold], deletionGracePeriodSeconds: 0, deletionTimestamp: expect.any(String) },
    });
    const seen = await target.admin.read(at('held'));
    expect(seen.metadata.deletionTimestamp).toBeDefined();
    expect((await target.admin.delete(at('held'))).code).toBe(200);
    expect((await target.admin.read(at('held'))).metadata.resourceVersion).toBe(seen.metadata.resourceVersion);
    const freed = await target.admin.put(at('held'), { ...seen, metadata: { ...seen.metadata, finalizers: [] } });
    expect(freed.code).toBe(200);
    expect((await target.admin.get(at('held'))).code).toBe(404);
  });

  it('may be taken off by a patch', async () => {
    await made('patched', { finalizers: [hold, 'example.com/other'] });
    await target.admin.delete(at('patched'));
    const one = await target.admin.merge(at('patched'), { metadata: { finalizers: [hold] } });
    expect(one.body.metadata.finalizers).toEqual([hold]);
    expect((await target.admin.merge(at('patched'), { metadata: { finalizers: null } })).code).toBe(200);
    expect((await target.admin.get(at('patched'))).code).toBe(404);
  });

  it('cannot be added to what is going', async () => {
    await made('going', { finalizers: [hold] });
    await target.admin.delete(at('going'));
    const reply = await target.admin.merge(at('going'), { metadata: { finalizers: [hold, 'example.com/late'] } });
    expect(reply.code).toBe(422);
    expect(reply.body.message).toBe(
      'ConfigMap "going" is invalid: metadata.finalizers: Forbidden: no new finalizers can be added if the object is ' +
        'being deleted, found new finalizers []string{"example.com/late"}',
    );
    await target.admin.merge(at('going'), { metadata: { finalizers: null } });
  });

  it('lets others change what is going', async () => {
    await made('changed', { finalizers: [hold] });
    const { metadata } = (await target.admin.delete(at('changed'))).body;
    const changed = await target.admin.merge(at('changed'), {
      data: { k: 'v' },
      metadata: { deletionTimestamp: null },
    });
    expect(changed.body).toMatchObject({
      data: { k: 'v' },
      metadata: { deletionTimestamp: metadata.deletionTimestamp },
    });
    await target.admin.merge(at('changed'), { metadata: { finalizers: null } });
  });
});

describe('a pod', () => {
  const pods = () => `${target.core}/pods`;

  it('that runs nowhere goes at once', async () => {
    await target.admin.made(pods(), pod('nowhere'));
    expect((await target.admin.delete(`${pods()}/nowhere`)).code).toBe(200);
    expect((await target.admin.get(`${pods()}/nowhere`)).code).toBe(404);
  });

  it('on a node is given time, which can be shortened and not lengthened', async () => {
    await target.admin.made(pods(), pod('graceful', { nodeName: 'conformance-absent' }));
    const remove = async (gracePeriodSeconds?: number) =>
      (await target.admin.delete(`${pods()}/graceful`, gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }))
        .body.metadata;
    const first = await remove();
    expect(first).toMatchObject({ name: 'graceful', deletionGracePeriodSeconds: 30 });
    const ends = (metadata: typeof first) => Date.parse(metadata.deletionTimestamp ?? '');
    expect(ends(first) - Date.parse(first.creationTimestamp)).toBeGreaterThanOrEqual(29_000);
    const shorter = await remove(10);
    expect(shorter.deletionGracePeriodSeconds).toBe(10);
    expect(ends(first) - ends(shorter)).toBe(20_000);
    expect((await remove(20)).deletionGracePeriodSeconds).toBe(10);
    await remove(0);
    expect((await target.admin.get(`${pods()}/graceful`)).code).toBe(404);
  });

  it('takes its own time where the request names none', async () => {
    await target.admin.made(pods(), pod('own', { nodeName: 'conformance-absent', terminationGracePeriodSeconds: 7 }));
    expect((await target.admin.delete(`${pods()}/own`)).body.metadata.deletionGracePeriodSeconds).toBe(7);
    await target.admin.delete(`${pods()}/own?gracePeriodSeconds=0`);
    expect((await target.admin.get(`${pods()}/own`)).code).toBe(404);
  });
});

describe('propagation', () => {
  const deployments = () => `${target.apps}/deployments`;

  it.each([
    ['Foreground', 'foregroundDeletion'],
    ['Orphan', 'orphan'],
  ])('%s leaves the rest to the garbage collector', async (propagationPolicy, finalizer) => {
    const name = propagationPolicy.toLowerCase();
    await target.admin.made(deployments(), deployment(name));
    const reply = await target.admin.delete(`${deployments()}/${name}`, { propagationPolicy });
    expect(reply.code).toBe(200);
    expect(reply.body).toMatchObject({ kind: 'Deployment', metadata: { finalizers: [finalizer] } });
    expect(reply.body.metadata.deletionTimestamp).toBeDefined();
    await target.admin.merge(`${deployments()}/${name}`, { metadata: { finalizers: null } });
    expect((await target.admin.get(`${deployments()}/${name}`)).code).toBe(404);
  });

  it('in the background removes at once', async () => {
    await target.admin.made(deployments(), deployment('background'));
    await target.admin.delete(`${deployments()}/background?propagationPolicy=Background`);
    expect((await target.admin.get(`${deployments()}/background`)).code).toBe(404);
  });

  it('answers 202 for a cascade in the old words that is not done yet', async () => {
    await made('cascade', { finalizers: [hold] });
    expect((await target.admin.delete(at('cascade'), { orphanDependents: false })).code).toBe(202);
    await target.admin.merge(at('cascade'), { metadata: { finalizers: null } });
  });

  it('is asked for in one way only', async () => {
    await made('both');
    const reply = await target.admin.delete(at('both'), { propagationPolicy: 'Orphan', orphanDependents: true });
    expect(reply.code).toBe(422);
    expect(reply.body.message).toContain(
      'propagationPolicy: Invalid value: "Orphan": orphanDependents and deletionPropagation cannot be both set',
    );
  });
});

describe('deleting a collection', () => {
  it('takes all, those that are held aside', async () => {
    const namespace = await target.newNamespace();
    const collection = `/api/v1/namespaces/${namespace}/configmaps`;
    for (const name of ['a', 'b']) await target.admin.made(collection, configMap(name));
    await target.admin.made(collection, configMap('held', {}, { finalizers: [hold] }));
    const names = async () =>
      (await target.admin.read(collection)).items
        .map(({ metadata }) => metadata.name)
        .filter((name) => name !== 'kube-root-ca.crt');
    expect((await target.admin.delete(`${collection}?dryRun=All`)).code).toBe(200);
    expect(await names()).toEqual(['a', 'b', 'held']);
    expect((await target.admin.delete(`${collection}?fieldSelector=metadata.name!%3Da`)).code).toBe(200);
    expect(await names()).toEqual(['a', 'held']);
    await target.admin.delete(collection);
    expect(await names()).toEqual(['held']);
    await target.admin.merge(`${collection}/held`, { metadata: { finalizers: null } });
    expect(await names()).toEqual([]);
  });
});
