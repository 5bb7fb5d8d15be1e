import { clientIdentities } from '@slipway/apiserver';
import { discoverResources } from '@slipway/client/discovery';
import { EventSink } from '@slipway/client/events';
import { createHttpTransport } from '@slipway/client/http-transport';
import { kindFrom, kindId, kinds } from '@slipway/client/kinds';
import { leaseTimesDefault, runAsLeader } from '@slipway/client/leader-election';
import { systemClock } from '@slipway/kit/clock';
import { silentLogger } from '@slipway/kit/logger';
import { systemRandom } from '@slipway/kit/random';
import { type ControlPlane, startControlPlane } from './control-plane.ts';

describe('lib/client on the real API server', () => {
  let plane: ControlPlane;
  beforeAll(async () => {
    plane = await startControlPlane({ controllers: ['serviceaccount'] });
  });
  afterAll(() => plane.stop());

  it('discovers what the server serves', async () => {
    const { pki, address, resources } = plane.server;
    const { certificate: cert, privateKey: key } = await pki.clientCertificate(clientIdentities.admin);
    const connection = { server: `https://${address.host}:${address.port}`, ca: pki.caCertificate, cert, key };
    const transport = createHttpTransport({ connection, clock: systemClock });
    const found = await discoverResources(transport, plane.signal);
    transport.close();
    // Reviews are answered but not kept; the server does not count them among its resources.
    const ids = (list: typeof found) =>
      [
        ...new Set(list.filter(({ verbs }) => verbs.includes('list')).map((resource) => kindId(kindFrom(resource)))),
      ].sort();
    expect(ids(found)).toEqual(ids(resources));
    const deployments = found.find(({ resource }) => resource === 'deployments');
    expect(deployments).toMatchObject({ group: 'apps', version: 'v1', kind: 'Deployment', namespaced: true });
    expect(deployments?.subresources.map(({ name }) => name).sort()).toEqual(['scale', 'status']);
  });

  it('counts repeated events up on one object', async () => {
    const { client, transport, signal } = plane;
    const sink = new EventSink({ transport, clock: systemClock, log: silentLogger });
    const stop = new AbortController();
    const running = sink.run(stop.signal);
    const about = await client.get(kinds.namespaces, { name: 'default' }, { signal });
    const recorder = sink.recorder('test', 'host-1');
    for (let i = 0; i < 3; i++) recorder.record({ about, type: 'Warning', reason: 'Repeats', message: 'again' });
    recorder.record({ about, type: 'Warning', reason: 'Last', message: 'done' });
    const read = async () => (await client.list(kinds.events, { namespace: 'default', signal })).items;
    while (!(await read()).some(({ reason }) => reason === 'Last')) await systemClock.sleep(5, signal);
    stop.abort();
    await running;
    const repeated = (await read()).filter(({ reason }) => reason === 'Repeats');
    expect(repeated).toMatchObject([
      {
        count: 3,
        message: 'again',
        type: 'Warning',
        source: { component: 'test', host: 'host-1' },
        involvedObject: { kind: 'Namespace', name: 'default', uid: about.metadata.uid },
      },
    ]);
  });

  it('lets one lead at a time, and the next as soon as it gives up', async () => {
    const { transport, client, signal } = plane;
    const leading: string[] = [];
    let now = 0;
    const stand = (identity: string) => {
      const stop = new AbortController();
      let begin = () => {};
      const leads = new Promise<void>((resolve) => {
        begin = resolve;
      });
      const done = runAsLeader(
        {
          transport,
          clock: systemClock,
          random: systemRandom,
          log: silentLogger,
          namespace: 'kube-system',
          name: 'test',
          identity,
          times: { leaseDurationMs: 2000, renewDeadlineMs: 1000, retryPeriodMs: 50 },
        },
        async (own) => {
          leading.push(identity);
          expect(++now).toBe(1);
          begin();
          await new Promise<void>((resolve) => own.addEventListener('abort', () => resolve(), { once: true }));
          now--;
        },
        stop.signal,
      );
      return { stop, leads, done };
    };
    const first = stand('a');
    await first.leads;
    const second = stand('b');
    await systemClock.sleep(200, signal);
    expect(leading).toEqual(['a']);
    first.stop.abort();
    await first.done;
    await second.leads;
    const lease = await client.get(kinds.leases, { namespace: 'kube-system', name: 'test' }, { signal });
    expect(lease.spec).toMatchObject({ holderIdentity: 'b', leaseTransitions: 1 });
    second.stop.abort();
    await second.done;
    expect(leading).toEqual(['a', 'b']);
  });

  it('stops leading when the lease is taken away', async () => {
    const { transport, client, signal } = plane;
    const ref = { namespace: 'kube-system', name: 'taken' };
    const lost = runAsLeader(
      {
        transport,
        clock: systemClock,
        random: systemRandom,
        log: silentLogger,
        ...ref,
        identity: 'a',
        times: { ...leaseTimesDefault, retryPeriodMs: 20 },
      },
      async (own) => {
        await client.patch(kinds.leases, ref, { spec: { holderIdentity: 'thief' } }, { signal });
        await new Promise<void>((resolve) => own.addEventListener('abort', () => resolve(), { once: true }));
      },
      signal,
    );
    await expect(lost).rejects.toThrow('lost the lead of kube-system/taken');
  });
});
