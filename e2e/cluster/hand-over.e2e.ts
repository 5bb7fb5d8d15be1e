/** Two `slipway controllers` against one API server, each a process: one leads; the lead changes hands quickly, whatever becomes of the leader. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from '@slipway/client/client';
import { createHttpTransport, type HttpTransport } from '@slipway/client/http-transport';
import { loadKubeconfig } from '@slipway/client/kubeconfig';
import { kinds } from '@slipway/client/kinds';
import { systemClock } from '@slipway/kit/clock';
import { eventually } from '../harness/eventually.ts';
import { freePorts } from './free-ports.ts';
import { RoleProcess } from './server-process.ts';

const lease = { namespace: 'kube-system', name: 'kube-controller-manager' };
const { signal } = new AbortController();
/** What is promised is 3 s; machines that run tests are busy. */
const handOverMs = 6_000;

describe('the lead of controllers', () => {
  let directory: string;
  let server: RoleProcess;
  let transport: HttpTransport;
  let client: Client;
  let controllers: RoleProcess[] = [];

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'slipway-hand-over-'));
    const [port = 0] = await freePorts(1);
    const kubeconfig = join(directory, 'admin.kubeconfig');
    const flags = { 'data-dir': join(directory, 'server'), 'secure-port': port, kubeconfig, 'log-level': 'warn' };
    server = new RoleProcess(['apiserver', ...Object.entries(flags).map(([name, value]) => `--${name}=${value}`)]);
    await server.start();
    transport = createHttpTransport({ connection: await loadKubeconfig(kubeconfig), clock: systemClock });
    client = new Client(transport);
    controllers = ['one', 'two'].map((name) => {
      const args = { 'data-dir': join(directory, name), kubeconfig, 'log-level': 'warn' };
      return new RoleProcess(['controllers', ...Object.entries(args).map(([flag, value]) => `--${flag}=${value}`)]);
    });
  });

  afterAll(async () => {
    await Promise.all(controllers.map((process) => process.end('SIGKILL')));
    transport?.close();
    await server?.end('SIGKILL');
    await rm(directory, { recursive: true, force: true });
  });

  const spec = async () => (await client.get(kinds.leases, lease, { signal })).spec;
  const holder = async () => (await spec()).holderIdentity ?? '';
  const process = (index: number) => controllers[index] as RoleProcess;

  async function replicate(name: string, replicas: number): Promise<void> {
    const labels = { app: name };
    const template = { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'i:1' }] } };
    const metadata = { namespace: 'default', name };
    const draft = { apiVersion: 'apps/v1', kind: 'ReplicaSet', metadata };
    await client.create(
      kinds.replicaSets,
      { ...draft, spec: { replicas, selector: { matchLabels: labels }, template } },
      { signal },
    );
    await settle(name, replicas);
  }

  async function settle(name: string, replicas: number): Promise<void> {
    await eventually(`${replicas} pods of ${name}`, async () => {
      const options = { namespace: 'default', labelSelector: `app=${name}`, signal };
      const { items } = await client.list(kinds.pods, options);
      expect(items.filter(({ metadata }) => !metadata.deletionTimestamp)).toHaveLength(replicas);
    });
  }

  /** Milliseconds until another one than `before` holds the lease. */
  async function changesHands(before: string): Promise<number> {
    const startedMs = performance.now();
    await eventually(
      'another leader',
      async () => expect(['', before]).not.toContain(await holder().catch(() => '')),
      handOverMs,
    );
    return performance.now() - startedMs;
  }

  it('is one process, while the other waits', async () => {
    await process(0).start();
    await process(1).start('started');
    await process(1).says(/^waiting/m);
    await replicate('first', 3);
    expect((await spec()).leaseTransitions).toBe(0);
  });

  it('is given up by one that stops, and taken at once', async () => {
    const before = await holder();
    const ended = process(0).end('SIGTERM');
    expect(await changesHands(before)).toBeLessThan(handOverMs);
    await ended;
    await process(1).ready();
    await replicate('second', 3);
  });

  it('is taken from one that was killed', async () => {
    await process(0).start('started');
    await process(0).says(/^waiting/m);
    const before = await holder();
    await process(1).end('SIGKILL');
    const ms = await changesHands(before);
    globalThis.process.stderr.write(`controllers: the lead changed hands ${Math.round(ms)} ms after the kill\n`);
    await process(0).ready();
    await replicate('third', 3);
  });

  it('is taken from one that stood still, which writes nothing more when it wakes and waits for its turn', async () => {
    await process(1).start('started');
    await process(1).says(/^waiting/m);
    const before = await holder();
    await process(0).signal('SIGSTOP');
    await changesHands(before);
    const now = await holder();
    // Work that is there to be done when the old leader wakes.
    await client.patch(
      kinds.replicaSets,
      { namespace: 'default', name: 'third' },
      { spec: { replicas: 6 } },
      { signal },
    );
    await process(0).signal('SIGCONT');
    await settle('third', 6);
    await eventually('it knows', async () => expect(process(0).log).toContain('campaigning again'));
    expect(await holder()).toBe(now);
    expect(process(0).isRunning).toBe(true);
    const first = await client.list(kinds.pods, { namespace: 'default', labelSelector: 'app=third', signal });
    expect(first.items).toHaveLength(6);
  });

  it('outlives a restart of the API server', async () => {
    await server.end('SIGKILL');
    await server.start();
    await eventually('the server again', () => holder());
    await replicate('fourth', 4);
    expect(controllers.map(({ isRunning }) => isRunning)).toEqual([true, true]);
  });
});
