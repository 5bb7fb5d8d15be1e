/** What bad input gets: one clear error that names what is wrong and what to do, and everything goes on. */
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeWith, missingCapability } from '@slipway/kit/testing/capabilities';
import { type Cluster, newCluster, slipwayBin } from '../harness/cluster.ts';
import { eventually } from '../harness/eventually.ts';
import { containerNeeds, loadExampleImage } from '../harness/images.ts';
import { kubectlEnds, type Ran, run } from '../harness/kubectl.ts';

/** Block style, because old clients take a document that begins with a brace for JSON. */
const pod = (spec: string, name = 'p') =>
  `apiVersion: v1\nkind: Pod\nmetadata: {name: ${name}}\nspec: {terminationGracePeriodSeconds: 1, ${spec}}\n`;
const container = 'containers: [{name: c, image: "localhost/web:1", command: [sleep, "3600"]}]';
const misspelt = pod(`restartPolicyy: Never, ${container}`);

const objects = `
${pod(container)}
---
apiVersion: v1
kind: Service
metadata: {name: s}
spec: {type: NodePort, ports: [{port: 80, nodePort: 30080}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: d}
spec:
  replicas: 0
  selector: {matchLabels: {app: d}}
  template: {metadata: {labels: {app: d}}, spec: {${container}}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: fixed}
immutable: true
data: {a: b}
---
apiVersion: v1
kind: Secret
metadata: {name: typed}
type: Opaque
`;

interface Refusal {
  readonly args: readonly string[];
  readonly input?: string;
  readonly says: string;
}

const patch = (object: string, change: object, says: string): Refusal => ({
  args: ['patch', ...object.split('/'), '-p', JSON.stringify(change)],
  says,
});

const create = (input: string, says: string): Refusal => ({ args: ['create', '-f', '-'], input, says });

const refusals: readonly Refusal[] = [
  create('{"apiVersion": "v1", "kind": ', 'error parsing STDIN'),
  create('a: b\n c: d\n', 'error converting YAML to JSON'),
  create(misspelt, 'strict decoding error: unknown field "spec.restartPolicyy"'),
  create(pod('containers: 7', 'x'), 'cannot be handled as a Pod: json: cannot unmarshal number into Go struct field'),
  create(pod(container, 'Not_A_Name'), 'The Pod "Not_A_Name" is invalid: metadata.name: Invalid value: "Not_A_Name"'),
  create(pod(container, 'a'.repeat(254)), 'must be no more than 253 bytes'),
  create(
    `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: big}\ndata: {a: ${'x'.repeat(1_100_000)}}\n`,
    'The ConfigMap "big" is invalid: []: Too long: may not be more than 1048576 bytes',
  ),
  create(
    `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: huge}\ndata: {a: ${'x'.repeat(3_200_000)}}\n`,
    'Request entity too large: limit is 3145728',
  ),
  create(
    'apiVersion: v1\nkind: Service\nmetadata: {name: t}\nspec: {type: NodePort, ports: [{port: 80, nodePort: 30080}]}\n',
    'spec.ports[0].nodePort: Invalid value: 30080: provided port is already allocated',
  ),
  patch(
    'pod/p',
    { spec: { containers: [{ name: 'c', command: ['true'] }] } },
    'pod updates may not change fields other than',
  ),
  patch(
    'svc/s',
    { spec: { clusterIP: '172.16.99.99' } },
    'spec.clusterIPs[0]: Invalid value: ["172.16.99.99"]: may not change once set',
  ),
  patch(
    'deploy/d',
    { spec: { selector: { matchLabels: { app: 'e' } }, template: { metadata: { labels: { app: 'e' } } } } },
    'The Deployment "d" is invalid: spec.selector: Invalid value: {"matchLabels":{"app":"e"}}: field is immutable',
  ),
  patch('cm/fixed', { data: { a: 'c' } }, 'data: Forbidden: field is immutable when `immutable` is set'),
  patch('secret/typed', { type: 'example.com/other' }, 'type: Invalid value: "example.com/other": field is immutable'),
  patch(
    'cm/fixed',
    { metadata: { resourceVersion: '1', labels: { a: 'b' } } },
    'Operation cannot be fulfilled on configmaps "fixed": the object has been modified; please apply your changes to the latest version and try again',
  ),
  { args: ['get', 'pod', 'none'], says: 'Error from server (NotFound): pods "none" not found' },
  { args: ['get', '--raw', '/api/v1/pods?continue=none'], says: 'continue key is not valid' },
  { args: ['get', '--raw', '/api/v1/pods?watch=1&resourceVersion=none'], says: 'Invalid value: "none"' },
];

describeWith(missingCapability({ programs: ['kubectl'] }), 'bad input to the API', () => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = await newCluster({ agent: false });
    await cluster.up();
    await cluster.kubectl(['apply', '-f', '-'], { input: objects });
  });
  afterAll(() => cluster.remove());

  it.each(kubectlEnds())('is refused with one clear error (%s)', async (kubectl) => {
    for (const { args, input, says } of refusals) {
      const ran = await cluster.kubectlWith(kubectl, args, input === undefined ? {} : { input });
      expect({ code: ran.code, stderr: ran.stderr }).toEqual({ code: 1, stderr: expect.stringContaining(says) });
    }
    const kept = await cluster.kubectl(['get', 'pods,svc,deploy,cm,secret', '-o', 'name']);
    expect(kept.split('\n').filter((name) => /\/(x|big|huge|t|Not_A_Name)$/.test(name))).toEqual([]);
  });

  it('warns of unknown fields or ignores them when it is asked to', async () => {
    const kubectl = kubectlEnds().at(-1) ?? '';
    const validate = (mode: string) =>
      cluster.kubectlWith(kubectl, ['apply', '--dry-run=server', `--validate=${mode}`, '-f', '-'], { input: misspelt });
    expect(await validate('warn')).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('Warning: unknown field "spec.restartPolicyy"'),
    });
    expect(await validate('ignore')).toMatchObject({ code: 0, stderr: '' });
  });
});

describeWith(missingCapability({ programs: ['kubectl'] }), 'bad input to the command', () => {
  let cluster: Cluster;
  let spare: string;
  beforeAll(async () => {
    spare = await mkdtemp(join(tmpdir(), 'slipway-spare-'));
    cluster = await newCluster({ agent: false });
    await cluster.up();
  });
  afterAll(async () => {
    await cluster.remove();
    await rm(spare, { recursive: true, force: true });
  });

  const portOf = async () => {
    const server = await cluster.kubectl(['config', 'view', '-o', 'jsonpath={.clusters[0].cluster.server}']);
    return new URL(server).port;
  };
  const refused = async (args: readonly string[], says: string, code = 1) => {
    const ran = await run(slipwayBin, args, { timeoutMs: 30_000 });
    expect(ran).toEqual({ code, stdout: '', stderr: expect.stringContaining(says) });
    expect(ran.stderr.trim().split('\n').at(-1)).toMatch(/^slipway: /);
  };

  it('runs one `up` on a data directory, whatever role asks', async () => {
    const says = `data directory ${cluster.dataDir} is in use by slipway up (pid ${cluster.pid}); stop it with 'slipway down`;
    for (const role of ['up', 'apiserver', 'controllers']) {
      const ports = role === 'controllers' ? [] : ['--secure-port', '0'];
      await refused([role, '--data-dir', cluster.dataDir, ...ports, ...(role === 'up' ? ['--no-agent'] : [])], says);
    }
  });

  it('says which port is taken and which flag chooses another', async () => {
    const port = await portOf();
    await refused(
      ['up', '--no-agent', '--data-dir', spare, '--secure-port', port],
      `listen on 127.0.0.1:${port}: the port is taken by another process; choose another one with --secure-port`,
    );
  });

  it('says that a data directory cannot be one', async () => {
    for (const path of ['/proc/nowhere', '/etc/passwd'])
      await refused(['up', '--no-agent', '--data-dir', path, '--secure-port', '0'], `data directory ${path}: E`);
  });

  it('says which flag is wrong', async () => {
    await refused(['up', '--secure-prot', '1'], 'unknown flag --secure-prot; did you mean --secure-port?', 2);
    await refused(['up', '--secure-port', '70000'], '--secure-port: "70000" is not a whole number from 0 to 65535', 2);
  });

  it('says to `why` that nothing listens', async () => {
    const kubeconfig = join(spare, 'kubeconfig');
    const text = await readFile(cluster.kubeconfig, 'utf8');
    await writeFile(kubeconfig, text.replace(/server: .*/, 'server: https://127.0.0.1:1'));
    await refused(['why', 'pod/x', '--kubeconfig', kubeconfig], "nothing listens there: is 'slipway up' running");
  });
});

describeWith(missingCapability(containerNeeds), 'bad input to the node', () => {
  let cluster: Cluster;
  let small: string;
  let kubectl: Cluster['kubectl'];
  beforeAll(async () => {
    // A file system of its own, small enough to be filled.
    small = await mkdtemp(join(tmpdir(), 'slipway-small-'));
    await run('mount', ['-t', 'tmpfs', '-o', 'size=64m', 'none', small]);
    await mkdir(join(small, 'data'));
    // A port that stays, so that the second start finds everything written already.
    const flags = ['--secure-port', String(await freePort())];
    cluster = await newCluster({ dataDir: join(small, 'data'), flags });
    kubectl = cluster.kubectl.bind(cluster);
    await cluster.up();
    await loadExampleImage(cluster, 'localhost/web:1');
  });
  afterAll(async () => {
    await cluster.remove();
    await run('umount', [small]);
    await rm(small, { recursive: true, force: true });
  });

  const load = (file: string): Promise<Ran> => cluster.slipway(['image', 'load', file]);
  const stateOf = async (name: string) =>
    JSON.parse(await kubectl(['get', 'pod', name, '-o', 'json'])).status?.containerStatuses?.[0] ?? {};

  it('refuses archives that are no images, and keeps nothing of them', async () => {
    const good = join(cluster.dataDir, 'localhost-web-1.tar');
    const bad = join(small, 'bad.tar');
    const whole = await readFile(good);
    const spoilt = Buffer.from(whole);
    spoilt.write('spoilt', 700_000);
    await cluster.slipway(['image', 'rm', 'localhost/web:1']); // or its layer would be known already
    const cases: readonly [Buffer, string][] = [
      [whole.subarray(0, 500_000), 'is not a complete tar archive'],
      [spoilt, 'layer has the digest sha256:'],
      [Buffer.from('no archive at all'), 'is not a complete tar archive'],
      [Buffer.alloc(0), 'is not an image archive: it has neither a manifest.json'],
      [Buffer.alloc(1_000_000, 'x'), 'is not a complete tar archive'],
    ];
    for (const [content, says] of cases) {
      await writeFile(bad, content);
      expect(await load(bad)).toEqual({ code: 1, stdout: '', stderr: expect.stringContaining(says) });
    }
    await rm(bad);
    expect((await cluster.slipway(['image', 'ls'])).stdout.trim().split('\n')).toHaveLength(1);
    expect(await load(join(small, 'none.tar'))).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('there is no file'),
    });
    expect(await load(good)).toMatchObject({ code: 0 });
  });

  it('goes on with a pod when its image comes', async () => {
    await kubectl(['run', 'late', '--image=localhost/late:1', '--', 'sleep', '3600']);
    await eventually('the reason', async () =>
      expect((await stateOf('late')).state?.waiting?.reason).toMatch(/ErrImagePull|ImagePullBackOff/),
    );
    await loadExampleImage(cluster, 'localhost/late:1');
    await kubectl(['wait', '--for=condition=Ready', 'pod/late', '--timeout=20s']);
    await kubectl(['delete', 'pod', 'late', '--now']);
  });

  it('says that a command is not in the image, and that a port of the host is taken', async () => {
    const port =
      'containers: [{name: c, image: "localhost/web:1", command: [sleep, "3600"], ports: [{containerPort: 80, hostPort: 18473}]}]';
    await kubectl(['create', '-f', '-'], { input: `${pod(port, 'one')}\n---\n${pod(port, 'two')}` });
    await kubectl(['run', 'nocommand', '--image=localhost/web:1', '--restart=Never', '--command', '--', 'nosuch']);
    await eventually('the start error', async () =>
      expect((await stateOf('nocommand')).state?.terminated).toMatchObject({
        reason: 'StartError',
        message: expect.stringContaining('exec: "nosuch": executable file not found in $PATH'),
      }),
    );
    await eventually('the event', async () =>
      expect(await kubectl(['get', 'events'])).toContain(
        "1 node(s) didn't have free ports for the requested pod ports",
      ),
    );
    await kubectl(['delete', 'pods', '--all', '--now']);
  });

  it('comes through a full disk: reads, deletes, a kill and a start, and takes pods when there is room again', async () => {
    await kubectl(['run', 'eater', '--image=localhost/web:1', '--', 'sleep', '3600']);
    await kubectl(['wait', '--for=condition=Ready', 'pod/eater', '--timeout=20s']);
    await kubectl(['create', 'configmap', 'kept', '--from-literal=a=b']);
    await run('fallocate', ['-l', '64M', join(small, 'fill')]); // takes what there is and fails
    await writeFile(join(small, 'rest'), Buffer.alloc(64 << 20)).catch(() => {});
    const blob = join(tmpdir(), `slipway-blob-${process.pid}`);
    await writeFile(blob, 'x'.repeat(900_000));
    try {
      const full = async () => {
        for (let n = 0; n < 20; n++) await kubectl(['create', 'configmap', `blob-${n}`, `--from-file=${blob}`]);
      };
      await expect(full()).rejects.toThrow('the storage has no room left: no space left');
      expect(await load(join(cluster.dataDir, 'localhost-web-1.tar'))).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('free some space on the file system of the data directory'),
      });
      await cluster.end('SIGKILL');
      await cluster.up();
      expect(await kubectl(['get', 'configmap', 'kept', '-o', 'jsonpath={.data.a}'])).toBe('b');
      expect((await stateOf('eater')).restartCount).toBe(0);
      await kubectl(['delete', 'pod', 'eater', '--now']);
      await truncate(join(small, 'fill'), 0).catch(() => {});
      await rm(join(small, 'rest'), { force: true });
      await kubectl(['run', 'after', '--image=localhost/web:1', '--', 'sleep', '3600']);
      await kubectl(['wait', '--for=condition=Ready', 'pod/after', '--timeout=30s']);
    } finally {
      await rm(blob, { force: true });
    }
  });
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address ? address.port : 0;
}
