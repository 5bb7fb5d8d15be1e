/** What the server keeps about every object. */
import { configMap, deployment, podTemplate } from './manifests.ts';
import { useTarget } from './target.ts';

const target = useTarget();
const at = (name: string) => `${target.core}/configmaps/${name}`;
const made = (name: string, metadata: object = {}) =>
  target.admin.made(`${target.core}/configmaps`, configMap(name, { k: 'v' }, metadata));

describe('resourceVersion', () => {
  it('grows over all resources alike', async () => {
    const versions: bigint[] = [];
    const note = ({ metadata }: { metadata: { resourceVersion: string } }) =>
      versions.push(BigInt(metadata.resourceVersion));
    note(await made('grow'));
    note(await target.admin.made(`${target.core}/secrets`, { metadata: { name: 'grow' } }));
    note((await target.admin.merge(at('grow'), { data: { k: 'w' } })).body);
    note(await target.admin.made(`${target.apps}/deployments`, deployment('grow')));
    expect(versions).toEqual([...versions].sort((a, b) => (a < b ? -1 : 1)));
    expect(new Set(versions).size).toBe(4);
  });

  it('stays when nothing changes', async () => {
    const { metadata } = await made('same');
    const seen = await target.admin.read(at('same'));
    expect((await target.admin.put(at('same'), seen)).body.metadata.resourceVersion).toBe(metadata.resourceVersion);
    const patched = await target.admin.merge(at('same'), { data: { k: 'v' } });
    expect(patched.body.metadata.resourceVersion).toBe(metadata.resourceVersion);
  });

  it('is not for clients to choose', async () => {
    const reply = await target.admin.post(
      `${target.core}/configmaps`,
      configMap('chosen', {}, { resourceVersion: '7' }),
    );
    expect(reply.code).toBeGreaterThanOrEqual(400);
    expect(reply.body.message).toContain('resourceVersion should not be set on objects to be created');
  });
});

describe('system fields', () => {
  it('of a new object are the server’s', async () => {
    const { metadata } = await made('system', {
      uid: 'mine',
      creationTimestamp: '2001-01-01T00:00:00Z',
      deletionTimestamp: '2001-01-01T00:00:00Z',
      selfLink: '/mine',
    });
    expect(metadata.uid).not.toBe('mine');
    expect(metadata.creationTimestamp > '2020').toBe(true);
    expect(metadata.deletionTimestamp).toBeUndefined();
    expect(metadata.selfLink).toBeUndefined();
  });

  it('survive an update that leaves them out', async () => {
    const { metadata } = await made('kept');
    const updated = (await target.admin.put(at('kept'), configMap('kept', { k: 'w' }))).body;
    expect(updated.metadata).toMatchObject({ uid: metadata.uid, creationTimestamp: metadata.creationTimestamp });
    const other = configMap('kept', { k: 'x' }, { creationTimestamp: '2001-01-01T00:00:00Z' });
    expect((await target.admin.put(at('kept'), other)).body.metadata.creationTimestamp).toBe(
      metadata.creationTimestamp,
    );
  });

  it('guard an update by the uid', async () => {
    const { metadata } = await made('guarded');
    const reply = await target.admin.put(at('guarded'), configMap('guarded', {}, { uid: 'other' }));
    expect(reply.code).toBe(409);
    expect(reply.body.message).toContain(
      `Precondition failed: UID in precondition: other, UID in object meta: ${metadata.uid}`,
    );
  });
});

describe('generation', () => {
  const deployments = () => `${target.apps}/deployments`;

  it('counts changes of what is wanted, not of labels and status', async () => {
    expect((await target.admin.made(deployments(), deployment('gen', { paused: true }))).metadata.generation).toBe(1);
    const patch = async (path: string, body: object) => (await target.admin.merge(deployments() + path, body)).body;
    expect((await patch('/gen', { metadata: { labels: { a: 'b' } } })).metadata.generation).toBe(1);
    expect((await patch('/gen', { spec: { minReadySeconds: 5 } })).metadata.generation).toBe(2);
    expect((await patch('/gen/status', { status: { observedGeneration: 1 } })).metadata.generation).toBe(2);
    expect((await patch('/gen', { metadata: { generation: 9 } })).metadata.generation).toBe(2);
  });

  it('is not counted for plain data', async () => {
    expect((await made('plain')).metadata.generation).toBeUndefined();
  });
});

describe('names, labels and annotations', () => {
  const invalid = async (metadata: object) => {
    const reply = await target.admin.post(`${target.core}/configmaps`, { metadata: { name: 'x', ...metadata } });
    expect(reply.code).toBe(422);
    expect(reply.body).toMatchObject({ reason: 'Invalid', code: 422, details: { kind: 'ConfigMap' } });
    return reply.body.message;
  };

  it('that are malformed are refused in upstream’s words', async () => {
    expect(await invalid({ name: 'Big_Name' })).toBe(
      'ConfigMap "Big_Name" is invalid: metadata.name: Invalid value: "Big_Name": a lowercase RFC 1123 subdomain must ' +
        "consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character " +
        "(e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
    );
    expect(await invalid({ name: 'x'.repeat(254) })).toContain(
      `metadata.name: Invalid value: "${'x'.repeat(254)}": must be no more than 253 bytes`,
    );
    expect(await invalid({ labels: { 'a b': 'c' } })).toContain(
      'metadata.labels: Invalid value: "a b": name part must consist of alphanumeric characters',
    );
    expect(await invalid({ labels: { a: 'x'.repeat(64) } })).toContain('must be no more than 63 bytes');
    expect(await invalid({ annotations: { '/a': '' } })).toContain(
      'metadata.annotations: Invalid value: "/a": prefix part must be non-empty',
    );
    expect(await invalid({ annotations: { a: 'x'.repeat(262_145) } })).toContain(
      'metadata.annotations: Too long: may not be more than 262144 bytes',
    );
    expect(await invalid({ generateName: 'Big_', name: '' })).toContain('metadata.generateName: Invalid value: "Big_"');
  });

  it('name every cause', async () => {
    const reply = await target.admin.post(`${target.core}/configmaps`, {
      metadata: { name: 'causes' },
      data: { 'a b': '1', 'c d': '2' },
    });
    expect(reply.body.details).toMatchObject({
      name: 'causes',
      kind: 'ConfigMap',
      causes: [
        { reason: 'FieldValueInvalid', field: 'data[a b]', message: expect.stringContaining('a valid config key') },
        { reason: 'FieldValueInvalid', field: 'data[c d]' },
      ],
    });
    expect(reply.body.message).toMatch(/^ConfigMap "causes" is invalid: \[data\[a b\]: .+, data\[c d\]: .+\]$/);
  });

  it('may not name two controllers', async () => {
    const owner = (name: string) => ({ apiVersion: 'v1', kind: 'ConfigMap', name, uid: name, controller: true });
    expect(await invalid({ ownerReferences: [owner('a'), owner('b')] })).toMatch(
      /metadata\.ownerReferences: Invalid value: .+: Only one reference can have Controller set to true\. Found "true" in references for ConfigMap\/a and ConfigMap\/b/,
    );
    expect(await invalid({ ownerReferences: [{ ...owner('a'), uid: '' }] })).toContain('metadata.ownerReferences.uid');
  });

  it('are kept as given', async () => {
    const owners = [
      { apiVersion: 'v1', kind: 'ConfigMap', name: 'a', uid: 'u', controller: true, blockOwnerDeletion: true },
    ];
    const given = { labels: { a: 'b', c: '' }, annotations: { 'x.example/y': 'ü' }, ownerReferences: owners };
    expect((await made('given', given)).metadata).toMatchObject(given);
  });
});

describe('managedFields', () => {
  it('say who set what', async () => {
    const { metadata } = await target.admin.made(
      `${target.core}/configmaps?fieldManager=me`,
      configMap('owned', { k: 'v' }),
    );
    expect(metadata.managedFields).toEqual([
      {
        manager: 'me',
        operation: 'Update',
        apiVersion: 'v1',
        time: expect.stringMatching(/^\d{4}-.+Z$/),
        fieldsType: 'FieldsV1',
        fieldsV1: { 'f:data': { '.': {}, 'f:k': {} } },
      },
    ]);
    const patched = await target.admin.merge(`${at('owned')}?fieldManager=you`, { data: { l: 'w' } });
    expect(patched.body.metadata.managedFields).toMatchObject([
      { manager: 'me', fieldsV1: { 'f:data': { '.': {}, 'f:k': {} } } },
      { manager: 'you', fieldsV1: { 'f:data': { 'f:l': {} } } },
    ]);
  });

  it('tell the status apart', async () => {
    const deployments = `${target.apps}/deployments`;
    await target.admin.made(deployments, deployment('owned'));
    const { metadata } = (
      await target.admin.merge(`${deployments}/owned/status?fieldManager=me`, {
        status: { conditions: [{ type: 'X', status: 'True' }] },
      })
    ).body;
    expect(metadata.managedFields).toContainEqual(
      expect.objectContaining({ manager: 'me', operation: 'Update', subresource: 'status' }),
    );
  });

  it('take the name of the program by default', async () => {
    const { metadata } = await target.admin.made(
      `${target.apps}/deployments`,
      deployment('program', { template: podTemplate({ app: 'x' }) }),
    );
    expect(metadata.managedFields?.[0]).toMatchObject({ manager: 'conformance', apiVersion: 'apps/v1' });
  });

  it('are forgotten on demand', async () => {
    await made('forgotten');
    const seen = await target.admin.read(at('forgotten'));
    const reply = await target.admin.put(at('forgotten'), {
      ...seen,
      metadata: { ...seen.metadata, managedFields: [{}] },
    });
    expect(reply.code).toBe(200);
    expect(reply.body.metadata.managedFields).toBeUndefined();
  });
});
