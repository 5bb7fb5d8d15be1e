/** JSON patch, merge patch, strategic merge patch. */
import { configMap, deployment, pod, service } from './manifests.ts';
import { useTarget } from './target.ts';

const target = useTarget();
const at = (name: string) => `${target.core}/configmaps/${name}`;
const made = (name: string, data: Record<string, string> = { k: 'v' }) =>
  target.admin.made(`${target.core}/configmaps`, configMap(name, data));

describe('a JSON patch', () => {
  const patch = (name: string, operations: unknown) => target.admin.patch(at(name), 'json-patch+json', operations);

  it('does its operations in order', async () => {
    await made('json', { a: '1', b: '2' });
    const reply = await patch('json', [
      { op: 'test', path: '/data/a', value: '1' },
      { op: 'replace', path: '/data/a', value: '3' },
      { op: 'remove', path: '/data/b' },
      { op: 'add', path: '/data/c~1d', value: 'x' },
      { op: 'copy', from: '/data/a', path: '/data/e' },
      { op: 'move', from: '/data/e', path: '/data/f' },
    ]);
    expect(reply.code).toBe(422);
    expect(reply.body.message).toContain('data[c/d]: Invalid value: "c/d": a valid config key');
    const good = await patch('json', [
      { op: 'add', path: '/data/c', value: 'x' },
      { op: 'move', from: '/data/c', path: '/data/f' },
    ]);
    expect(good.body.data).toEqual({ a: '1', b: '2', f: 'x' });
  });

  it.each([
    ['a test that fails', [{ op: 'test', path: '/data/k', value: 'other' }]],
    ['something absent removed', [{ op: 'remove', path: '/data/absent' }]],
    ['something absent replaced', [{ op: 'replace', path: '/data/absent', value: 'x' }]],
    ['a parent that is absent', [{ op: 'add', path: '/nosuch/deep', value: 'x' }]],
  ])('is refused for %s', async (_, operations) => {
    await target.admin.post(`${target.core}/configmaps`, configMap('refused', { k: 'v' }));
    const reply = await patch('refused', operations);
    expect(reply.code).toBe(422);
    expect(reply.body).toMatchObject({
      reason: 'Invalid',
      message: expect.stringMatching(/^the server rejected our request due to an error in our request/),
    });
  });

  it('that is none is a bad request', async () => {
    await made('none');
    for (const body of ['{"op":"add"}', '[', 'null', '[1]']) {
      expect([body, (await patch('none', body)).code]).toEqual([body, 400]);
    }
    const wrongType = await patch('none', [{ op: 'replace', path: '/data', value: 7 }]);
    expect(wrongType.code).toBe(422);
    expect(wrongType.body.message).toContain('cannot unmarshal number into Go struct field ConfigMap.data');
  });

  it('has a bound', async () => {
    await made('bound');
    const operations = Array.from({ length: 10_001 }, () => ({ op: 'test', path: '/data/k', value: 'v' }));
    const reply = await patch('bound', operations);
    expect(reply.code).toBe(413);
    expect(reply.body.message).toContain('The allowed maximum operations in a JSON patch is 10000, got 10001');
  });
});

describe('a merge patch', () => {
  it('sets, removes and replaces lists', async () => {
    await target.admin.made(`${target.apps}/deployments`, deployment('merge', { minReadySeconds: 3 }));
    const containers = [{ name: 'other', image: 'other:1' }];
    const reply = await target.admin.merge(`${target.apps}/deployments/merge`, {
      spec: { minReadySeconds: null, template: { spec: { containers } } },
    });
    expect(reply.code).toBe(200);
    expect(reply.body.spec.minReadySeconds).toBeUndefined();
    expect(reply.body.spec).toMatchObject({
      template: { spec: { containers: [{ name: 'other', image: 'other:1' }] } },
    });
  });

  it('that is none is a bad request', async () => {
    await made('bad-merge');
    for (const body of ['{', '[]', '"x"']) {
      expect([body, (await target.admin.merge(at('bad-merge'), body)).code]).toEqual([body, 400]);
    }
  });

  it('with a wrong type is refused', async () => {
    await made('wrong-merge');
    const reply = await target.admin.merge(at('wrong-merge'), { data: { k: 7 } });
    expect(reply.code).toBeGreaterThanOrEqual(400);
    expect(reply.code).toBeLessThanOrEqual(422);
    expect(reply.body.message).toContain('cannot unmarshal number into Go struct field ConfigMap.data of type string');
  });
});

describe('a strategic merge patch', () => {
  const strategic = (path: string, body: unknown) => target.admin.patch(path, 'strategic-merge-patch+json', body);
  const deployments = () => `${target.apps}/deployments`;
  const containersOf = (body: { spec: unknown }) =>
    (body as { spec: { template: { spec: { containers: { name: string; image: string }[] } } } }).spec.template.spec
      .containers;

  it('merges lists by their keys', async () => {
    await target.admin.made(deployments(), deployment('strategic'));
    const reply = await strategic(`${deployments()}/strategic`, {
      spec: {
        template: {
          spec: {
            containers: [
              { name: 'side', image: 'side:1' },
              { name: 'c', image: 'new:2' },
            ],
          },
        },
      },
    });
    expect(reply.code).toBe(200);
    expect(
      containersOf(reply.body)
        .map(({ name, image }) => `${name}=${image}`)
        .sort(),
    ).toEqual(['c=new:2', 'side=side:1']);
    const removed = await strategic(`${deployments()}/strategic`, {
      spec: { template: { spec: { containers: [{ name: 'side', $patch: 'delete' }] } } },
    });
    expect(containersOf(removed.body).map(({ name }) => name)).toEqual(['c']);
  });

  it('knows directives', async () => {
    await target.admin.made(deployments(), deployment('directives'));
    const recreate = await strategic(`${deployments()}/directives`, {
      spec: { strategy: { $retainKeys: ['type'], type: 'Recreate' } },
    });
    expect(recreate.body.spec.strategy).toEqual({ type: 'Recreate' });
    await strategic(`${deployments()}/directives`, {
      spec: {
        template: {
          spec: {
            containers: [
              { name: 'b', image: 'b' },
              { name: 'a', image: 'a' },
            ],
          },
        },
      },
    });
    const ordered = await strategic(`${deployments()}/directives`, {
      spec: {
        template: {
          spec: {
            '$setElementOrder/containers': [{ name: 'a' }, { name: 'b' }, { name: 'c' }],
            containers: [{ name: 'a', image: 'a2' }],
          },
        },
      },
    });
    expect(containersOf(ordered.body).map(({ name }) => name)).toEqual(['a', 'b', 'c']);
    const replaced = await strategic(`${deployments()}/directives`, {
      spec: { template: { spec: { containers: [{ $patch: 'replace' }, { name: 'only', image: 'only' }] } } },
    });
    expect(containersOf(replaced.body).map(({ name }) => name)).toEqual(['only']);
  });

  it('merges finalizers and tolerations as their kinds say', async () => {
    await target.admin.made(`${target.core}/configmaps`, configMap('sets', {}, { finalizers: ['example.com/a'] }));
    const reply = await strategic(at('sets'), { metadata: { finalizers: ['example.com/b'] } });
    expect([...(reply.body.metadata.finalizers ?? [])].sort()).toEqual(['example.com/a', 'example.com/b']);
    const without = await strategic(at('sets'), {
      metadata: { '$deleteFromPrimitiveList/finalizers': ['example.com/a'] },
    });
    expect(without.body.metadata.finalizers).toEqual(['example.com/b']);
    await target.admin.merge(at('sets'), { metadata: { finalizers: null } });
  });

  it('merges the ports of a service by their number', async () => {
    const path = `${target.core}/services`;
    await target.admin.made(
      path,
      service('ports', {
        ports: [
          { name: 'a', port: 80 },
          { name: 'b', port: 81 },
        ],
      }),
    );
    const reply = await strategic(`${path}/ports`, { spec: { ports: [{ port: 81, targetPort: 8081 }] } });
    expect(reply.body.spec.ports).toMatchObject([
      { name: 'a', port: 80, targetPort: 80 },
      { name: 'b', port: 81, targetPort: 8081 },
    ]);
  });

  it('that is none is a bad request', async () => {
    await made('bad-strategic');
    expect((await strategic(at('bad-strategic'), '{')).code).toBe(400);
    expect((await strategic(at('bad-strategic'), { $patch: 'nosuch' })).code).toBeGreaterThanOrEqual(400);
  });
});

describe('every patch', () => {
  const types = ['json-patch+json', 'merge-patch+json', 'strategic-merge-patch+json'] as const;
  const labelled = (type: (typeof types)[number], version?: string) =>
    type === 'json-patch+json'
      ? [
          ...(version ? [{ op: 'add', path: '/metadata/resourceVersion', value: version }] : []),
          { op: 'add', path: '/data', value: { patched: 'yes' } },
        ]
      : { metadata: { ...(version ? { resourceVersion: version } : {}) }, data: { patched: 'yes' } };

  it.each(types)('finds nothing to patch: %s', async (type) => {
    const reply = await target.admin.patch(at('absent'), type, labelled(type));
    expect(reply.code).toBe(404);
    expect(reply.body.message).toBe('configmaps "absent" not found');
  });

  it.each(types)('is bound to a version that it names: %s', async (type) => {
    const name = `locked-${type.split('-')[0]}`;
    const { metadata } = await made(name);
    await target.admin.merge(at(name), { data: { other: 'x' } });
    const stale = await target.admin.patch(at(name), type, labelled(type, metadata.resourceVersion));
    expect(stale.code).toBe(409);
    expect(stale.body.message).toContain(
      'the object has been modified; please apply your changes to the latest version',
    );
    const seen = await target.admin.read(at(name));
    expect((await target.admin.patch(at(name), type, labelled(type, seen.metadata.resourceVersion))).code).toBe(200);
  });

  it.each(types)('may not be forced: %s', async (type) => {
    await target.admin.post(`${target.core}/configmaps`, configMap('forced'));
    const reply = await target.admin.patch(`${at('forced')}?force=true`, type, labelled(type));
    expect(reply.code).toBe(422);
    expect(reply.body.message).toContain('force: Forbidden: may not be specified for non-apply patch');
  });

  it('keeps the name', async () => {
    await made('named');
    const reply = await target.admin.merge(at('named'), { metadata: { name: 'renamed' } });
    expect(reply.code).toBe(400);
    expect(reply.body.message).toBe('the name of the object (renamed) does not match the name on the URL (named)');
  });

  it('is validated', async () => {
    await target.admin.made(`${target.core}/pods`, pod('fixed'));
    const reply = await target.admin.merge(`${target.core}/pods/fixed`, { spec: { hostname: 'other' } });
    expect(reply.code).toBe(422);
    expect(reply.body.message).toMatch(
      /^Pod "fixed" is invalid: spec: Forbidden: pod updates may not change fields other than/,
    );
  });

  it('of many clients loses nothing', async () => {
    await made('busy', {});
    const names = Array.from({ length: 30 }, (_, index) => `k${index}`);
    const replies = await Promise.all(names.map((name) => target.admin.merge(at('busy'), { data: { [name]: name } })));
    expect(new Set(replies.map(({ code }) => code))).toEqual(new Set([200]));
    expect(Object.keys((await target.admin.read(at('busy'))).data).sort()).toEqual([...names].sort());
  });
});
