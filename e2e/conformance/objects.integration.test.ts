/** Create, read, update and delete, on every kind. */
import {
  apiVersionOf,
  collectionOf,
  errorGroupOf,
  type KindCase,
  kindCases,
  objectOf,
  qualified,
} from './manifests.ts';
import { useTarget } from './target.ts';

const target = useTarget();

describe.each(kindCases.map((kind) => [`${apiVersionOf(kind)} ${kind.kind}`, kind] as const))('%s', (_, kind) => {
  const collection = () => collectionOf(kind, target.namespace);
  /** Names of cluster-scoped objects are shared by everybody on the server, those of events by their two groups. */
  const named = (name: string) => `${target.namespace}-${kind.group === 'events.k8s.io' ? 'new-' : ''}${name}`;
  const at = (name: string) => `${collection()}/${named(name)}`;
  const object = (name: string, metadata: object = {}) => {
    const about = { namespace: target.namespace, kind: 'Pod', name: 'x' };
    const reference = kind.kind === 'Event' ? { [kind.group === '' ? 'involvedObject' : 'regarding']: about } : {};
    return { ...objectOf(kind, named(name), metadata), ...reference };
  };
  const made = (name: string, metadata: object = {}) => target.admin.made(collection(), object(name, metadata));
  const detailsOf = (kind: KindCase, name: string) => ({
    name: named(name),
    ...(errorGroupOf(kind) === '' ? {} : { group: errorGroupOf(kind) }),
    kind: kind.resource,
  });
  const removeLater: string[] = [];
  afterAll(async () => {
    if (!kind.namespaced) for (const name of removeLater) await target.admin.delete(at(name));
  });

  it('creates', async () => {
    removeLater.push('create');
    const reply = await target.admin.post(collection(), object('create'));
    expect(reply.code).toBe(201);
    expect(reply.body).toMatchObject({
      kind: kind.kind,
      apiVersion: apiVersionOf(kind),
      metadata: {
        name: named('create'),
        uid: expect.stringMatching(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/),
        resourceVersion: expect.stringMatching(/^[1-9]\d*$/),
        creationTimestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
        managedFields: [{ manager: 'conformance', operation: 'Update', fieldsType: 'FieldsV1' }],
      },
    });
    expect(reply.body.metadata.namespace).toBe(kind.namespaced ? target.namespace : undefined);
  });

  it('reads back what it answered, alone and in a list', async () => {
    removeLater.push('read');
    const created = await made('read');
    expect((await target.admin.read(at('read'))).metadata.uid).toBe(created.metadata.uid);
    const list = await target.admin.read(collection());
    expect(list).toMatchObject({ kind: `${kind.kind}List`, apiVersion: apiVersionOf(kind) });
    expect(list.items.find(({ metadata }) => metadata.name === named('read'))?.metadata.uid).toBe(created.metadata.uid);
  });

  it('refuses a second one of the same name', async () => {
    removeLater.push('twice');
    await made('twice');
    const reply = await target.admin.post(collection(), object('twice'));
    expect(reply.code).toBe(409);
    expect(reply.body).toMatchObject({
      kind: 'Status',
      apiVersion: 'v1',
      status: 'Failure',
      reason: 'AlreadyExists',
      message: `${qualified(kind)} "${named('twice')}" already exists`,
      details: detailsOf(kind, 'twice'),
      code: 409,
    });
  });

  it('updates the version that the client saw, and no other', async () => {
    removeLater.push('update');
    await made('update');
    const seen = await target.admin.read(at('update'));
    const labelled = { ...seen, metadata: { ...seen.metadata, labels: { changed: 'yes' } } };
    const updated = await target.admin.put(at('update'), labelled);
    expect(updated.code).toBe(200);
    expect(updated.body.metadata.labels).toMatchObject({ changed: 'yes' });
    expect(BigInt(updated.body.metadata.resourceVersion)).toBeGreaterThan(BigInt(seen.metadata.resourceVersion));
    const stale = await target.admin.put(at('update'), { ...labelled, metadata: { ...labelled.metadata, labels: {} } });
    expect(stale.code).toBe(409);
    expect(stale.body).toMatchObject({
      reason: 'Conflict',
      message:
        `Operation cannot be fulfilled on ${qualified(kind)} "${named('update')}": ` +
        'the object has been modified; please apply your changes to the latest version and try again',
      details: detailsOf(kind, 'update'),
    });
  });

  it(
    kind.unconditionalUpdate ? 'updates whatever is there without a version' : 'wants a version to update',
    async () => {
      removeLater.push('unconditional');
      await made('unconditional');
      const reply = await target.admin.put(
        at('unconditional'),
        object('unconditional', { labels: { changed: 'yes' } }),
      );
      if (kind.unconditionalUpdate) {
        expect(reply.code).toBe(200);
        expect(reply.body.metadata.labels).toMatchObject({ changed: 'yes' });
      } else {
        expect(reply.code).toBe(422);
        expect(reply.body.message).toMatch(
          /metadata\.resourceVersion: Invalid value: .+: must be specified for an update/,
        );
      }
    },
  );

  it(kind.createsOnUpdate ? 'makes by an update what is absent' : 'does not update what is absent', async () => {
    removeLater.push('absent');
    const reply = await target.admin.put(at('absent'), object('absent'));
    expect(reply.code).toBe(kind.createsOnUpdate ? 201 : 404);
    if (reply.code === 404) {
      expect(reply.body).toMatchObject({
        reason: 'NotFound',
        message: `${qualified(kind)} "${named('absent')}" not found`,
        details: detailsOf(kind, 'absent'),
      });
    }
  });

  it('makes up a name', async () => {
    const { metadata } = (
      await target.admin.post(collection(), { ...object(''), metadata: { generateName: 'made-up-' } })
    ).body;
    expect(metadata.name).toMatch(/^made-up-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
    expect(metadata.generateName).toBe('made-up-');
    await target.admin.delete(`${collection()}/${metadata.name}`);
  });

  it('wants a name', async () => {
    const reply = await target.admin.post(collection(), { ...object(''), metadata: {} });
    expect(reply.code).toBe(422);
    expect(reply.body.message).toContain('metadata.name: Required value: name or generateName is required');
    expect(reply.body.reason).toBe('Invalid');
  });

  it('deletes', async () => {
    const { metadata } = await made('delete');
    const reply = await target.admin.delete(at('delete'), { gracePeriodSeconds: 0 });
    expect(reply.code).toBe(200);
    if (kind.answersDeleted || kind.kind === 'Namespace') {
      expect(reply.body).toMatchObject({ kind: kind.kind, metadata: { uid: metadata.uid } });
    } else {
      const details = { ...detailsOf(kind, 'delete'), uid: metadata.uid };
      expect(reply.body).toMatchObject({ kind: 'Status', status: 'Success', details });
    }
    // A namespace stays until a controller has emptied it.
    if (kind.kind === 'Namespace') return;
    const gone = await target.admin.get(at('delete'));
    expect(gone.code).toBe(404);
    expect(gone.body.message).toBe(`${qualified(kind)} "${named('delete')}" not found`);
    expect((await target.admin.delete(at('delete'))).code).toBe(404);
  });

  it('tries every write without doing it', async () => {
    removeLater.push('dry');
    const dryRun = '?dryRun=All';
    const tried = await target.admin.post(collection() + dryRun, object('dry'));
    expect(tried.code).toBe(201);
    expect(tried.body.metadata.uid).toBeDefined();
    expect((await target.admin.get(at('dry'))).code).toBe(404);
    await made('dry');
    const before = await target.admin.read(at('dry'));
    const labelled = { ...before, metadata: { ...before.metadata, labels: { changed: 'yes' } } };
    const updated = await target.admin.put(at('dry') + dryRun, labelled);
    expect(updated.code).toBe(200);
    expect(updated.body.metadata.labels).toMatchObject({ changed: 'yes' });
    const patched = await target.admin.merge(at('dry') + dryRun, { metadata: { labels: { changed: 'too' } } });
    expect(patched.body.metadata.labels).toMatchObject({ changed: 'too' });
    expect((await target.admin.delete(at('dry') + dryRun)).code).toBe(200);
    expect((await target.admin.delete(at('dry'), { dryRun: ['All'] })).code).toBe(200);
    expect((await target.admin.read(at('dry'))).metadata.resourceVersion).toBe(before.metadata.resourceVersion);
  });

  const deletesCollections = kind.kind !== 'Namespace';
  it(deletesCollections ? 'deletes those that a selector names' : 'does not delete all at once', async () => {
    removeLater.push('many-1', 'many-2', 'many-3');
    const labels = { [target.namespace]: 'many' };
    await made('many-1', { labels });
    await made('many-2', { labels });
    await made('many-3');
    const reply = await target.admin.delete(`${collection()}?labelSelector=${target.namespace}%3Dmany`, {
      gracePeriodSeconds: 0,
    });
    if (!deletesCollections) {
      expect(reply.code).toBe(405);
      return;
    }
    expect(reply.code).toBe(200);
    expect(reply.body.kind).toBe(`${kind.kind}List`);
    expect(reply.body.items.map(({ metadata }) => metadata.name)).toEqual([named('many-1'), named('many-2')]);
    expect((await target.admin.get(at('many-1'))).code).toBe(404);
    expect((await target.admin.get(at('many-2'))).code).toBe(404);
    expect((await target.admin.get(at('many-3'))).code).toBe(200);
  });
});

describe('an event', () => {
  it('is the same in both groups', async () => {
    const inCore = {
      metadata: { name: 'both', namespace: target.namespace },
      involvedObject: { kind: 'Pod', name: 'x', namespace: target.namespace },
      message: 'a note',
      reason: 'Test',
      type: 'Normal',
      source: { component: 'conformance', host: 'here' },
      count: 2,
    };
    await target.admin.made(`${target.core}/events`, inCore);
    const other = await target.admin.read(`/apis/events.k8s.io/v1/namespaces/${target.namespace}/events/both`);
    expect(other).toMatchObject({
      kind: 'Event',
      apiVersion: 'events.k8s.io/v1',
      regarding: { kind: 'Pod', name: 'x' },
      note: 'a note',
      deprecatedSource: { component: 'conformance', host: 'here' },
      deprecatedCount: 2,
    });
    expect(other.message).toBeUndefined();
  });
});
