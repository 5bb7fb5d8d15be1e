/** Containers that join a running pod, and resources that change under it. */
import { pod } from './manifests.ts';
import { useTarget } from './target.ts';

const target = useTarget();
const at = (name: string, part = '') => `${target.core}/pods/${name}${part}`;
const made = (name: string, spec: object = {}) => target.admin.made(`${target.core}/pods`, pod(name, spec));
let count = 0;
const named = (prefix: string) => `${prefix}-${count++}`;
const debug = { name: 'debug', image: 'registry.invalid/debug:1', targetContainerName: 'c' };

describe('ephemeral containers', () => {
  it('join a pod through their own endpoint, and nothing else does', async () => {
    const created = await made('joined');
    const reply = await target.admin.patch(at('joined', '/ephemeralcontainers'), 'strategic-merge-patch+json', {
      metadata: { labels: { ignored: 'x' } },
      spec: { ephemeralContainers: [debug], containers: [{ name: 'c', image: 'other' }] },
    });
    expect([reply.code, reply.body.kind]).toEqual([200, 'Pod']);
    expect(reply.body.spec).toMatchObject({
      ephemeralContainers: [
        { ...debug, terminationMessagePath: '/dev/termination-log', imagePullPolicy: 'IfNotPresent' },
      ],
      containers: [{ image: 'registry.invalid/none:1' }],
    });
    expect(reply.body.metadata.labels).toBeUndefined();
    expect(reply.body.metadata.generation).toBe((created.metadata.generation ?? 0) + 1);
    expect((await target.admin.read(at('joined', '/ephemeralcontainers'))).kind).toBe('Pod');
  });

  it.each([
    [
      { ephemeralContainers: [] },
      'spec.ephemeralContainers: Forbidden: existing ephemeral containers "debug" may not be removed',
    ],
    [
      { ephemeralContainers: [{ ...debug, image: 'other' }] },
      'spec.ephemeralContainers: Forbidden: existing ephemeral containers "debug" may not be changed',
    ],
    [
      { ephemeralContainers: [debug, { ...debug, name: 'more', targetContainerName: 'none' }] },
      'spec.ephemeralContainers[1].targetContainerName: Not found: "none"',
    ],
  ])('stay as they are: %j', async (spec, text) => {
    const name = named('kept');
    await made(name);
    await target.admin.merge(at(name, '/ephemeralcontainers'), { spec: { ephemeralContainers: [debug] } });
    const reply = await target.admin.merge(at(name, '/ephemeralcontainers'), { spec });
    expect([reply.code, reply.body.message]).toEqual([422, expect.stringContaining(text)]);
  });

  it('are refused at the pod itself', async () => {
    await made('main');
    const reply = await target.admin.merge(at('main'), { spec: { ephemeralContainers: [debug] } });
    expect([reply.code, reply.body.message]).toEqual([
      422,
      expect.stringContaining('pod updates may not change fields'),
    ]);
  });
});

describe('resize', () => {
  const resources = { requests: { cpu: '100m', memory: '16Mi' }, limits: { memory: '32Mi' } };
  const containers = [{ name: 'c', image: 'registry.invalid/none:1', resources }];
  const resize = (name: string, change: object) =>
    target.admin.patch(at(name, '/resize'), 'strategic-merge-patch+json', {
      spec: { containers: [{ name: 'c', ...change }] },
    });

  it('changes CPU and memory, and counts it', async () => {
    const created = await made('grown', { containers });
    const reply = await resize('grown', { image: 'other', resources: { requests: { cpu: '200m' } } });
    expect(reply.code).toBe(200);
    expect(reply.body.spec).toMatchObject({
      containers: [{ image: 'registry.invalid/none:1', resources: { requests: { cpu: '200m', memory: '16Mi' } } }],
    });
    expect(reply.body.metadata.generation).toBe((created.metadata.generation ?? 0) + 1);
  });

  it.each([
    [
      { resources: { limits: { cpu: '100m', memory: '16Mi' } } },
      'Pod QOS Class may not change as a result of resizing',
    ],
    [
      { resources: { limits: { memory: null } } },
      'spec.containers[0].resources.limits: Forbidden: resource limits cannot be removed',
    ],
    [
      { resources: { requests: { 'ephemeral-storage': '1Gi' } } },
      'spec: Forbidden: only cpu and memory resources are mutable',
    ],
    [{ resources: { requests: { memory: '64Mi' } } }, 'must be less than or equal to memory limit of 32Mi'],
  ])('refuses %j', async (change, text) => {
    const name = named('same');
    await made(name, { containers });
    const reply = await resize(name, change);
    expect([reply.code, reply.body.message]).toEqual([422, expect.stringContaining(text)]);
  });

  it('is no affair of the pod itself', async () => {
    await made('plain', { containers });
    const reply = await target.admin.patch(at('plain'), 'strategic-merge-patch+json', {
      spec: { containers: [{ name: 'c', resources: { requests: { cpu: '200m' } } }] },
    });
    expect(reply.code).toBe(422);
  });
});
