/** Pods on nodes whose NoExecute taints drive them out: how long they stay, and what spares them. On virtual time. */
import type { Pod, Taint } from '@slipway/api/types';
import { kinds } from '@slipway/client/kinds';
import { systemClock } from '@slipway/kit/clock';
import { VirtualClock } from '@slipway/kit/virtual-clock';
import { addNodes, type ControlPlane, startControlPlane } from './control-plane.ts';
import { startScriptedAgent } from './scripted-agent.ts';

const { pods, nodes } = kinds;
const patienceMs = 6_000;

describe('NoExecute taints', () => {
  const clock = new VirtualClock(systemClock.nowMs());
  let plane: ControlPlane;
  let stopAgent: () => Promise<void>;

  beforeAll(async () => {
    // Nobody renews leases here.
    plane = await startControlPlane({ clock, controllers: ['*', '-node-lifecycle', '-pod-gc'] });
    stopAgent = startScriptedAgent(plane);
    await addNodes(plane, ['n0', 'n1']);
    for (const name of ['n0', 'n1']) await taint(name, []);
    await until('the account', () => plane.manager.caches.get(kinds.serviceAccounts, 'default/default') !== undefined);
  });

  afterAll(async () => {
    await stopAgent();
    await plane.stop();
  });

  /** Lets requests be answered, in no time. */
  async function until(what: string, holds: () => boolean): Promise<void> {
    const endMs = systemClock.monotonicMs() + patienceMs;
    while (!holds()) {
      if (systemClock.monotonicMs() > endMs) throw new Error(`it did not come about: ${what}`);
      await clock.advance(1);
    }
  }

  async function pass(seconds: number): Promise<void> {
    await until('the controllers rest', () => plane.manager.isIdle);
    await clock.advance(seconds * 1000);
    await until('the controllers rest', () => plane.manager.isIdle);
  }

  const evict: Taint = { key: 'example.com/evict', value: 'now', effect: 'NoExecute' };
  function taint(name: string, taints: readonly Taint[]) {
    return plane.client.patch(nodes, { name }, { spec: { taints } }, { signal: plane.signal });
  }
  async function aPod(name: string, nodeName: string, tolerationSeconds: number | undefined): Promise<void> {
    const toleration = { key: evict.key, operator: 'Exists', effect: 'NoExecute' };
    const tolerations = tolerationSeconds === undefined ? [] : [{ ...toleration, tolerationSeconds }];
    const pod: Pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { namespace: 'default', name },
      spec: { nodeName, tolerations, containers: [{ name: 'c', image: 'c' }] },
    };
    await plane.client.create(pods, pod, { signal: plane.signal });
    await until(`${name} runs`, () => plane.manager.caches.get(pods, `default/${name}`)?.status?.phase === 'Running');
  }
  const isThere = (name: string) => {
    const pod = plane.manager.caches.get(pods, `default/${name}`);
    return pod !== undefined && !pod.metadata.deletionTimestamp;
  };
  const told = async (name: string) => {
    const { items } = await plane.client.list(kinds.events, { namespace: 'default', signal: plane.signal });
    const about = items.filter(
      (event) => event.involvedObject.name === name && event.reason === 'TaintManagerEviction',
    );
    return about.map(({ message }) => message);
  };

  it('evict each pod when its own time is over', async () => {
    await aPod('none', 'n0', undefined);
    await aPod('short', 'n0', 5);
    await aPod('long', 'n0', 30);
    await taint('n0', [evict]);
    await until('the one that bears nothing goes', () => !isThere('none'));
    expect([isThere('short'), isThere('long')]).toEqual([true, true]);
    await pass(6);
    await until('the next one goes', () => !isThere('short'));
    expect(isThere('long')).toBe(true);
    await pass(26);
    await until('and the last one', () => !isThere('long'));
    await until('it was told', () => plane.manager.isIdle);
    expect(await told('short')).toEqual(['Marking for deletion Pod default/short']);
    await taint('n0', []);
  });

  it('evict nobody when they are taken away in time', async () => {
    await aPod('spared', 'n1', 20);
    await taint('n1', [evict]);
    await pass(10);
    await taint('n1', []);
    await until('the controllers know', () => plane.manager.caches.get(nodes, 'n1')?.spec.taints?.length !== 1);
    await pass(60);
    expect(isThere('spared')).toBe(true);
    expect(await told('spared')).toEqual(['Cancelling deletion of Pod default/spared']);
  });

  it('give a pod that comes later its whole time', async () => {
    await taint('n1', [evict]);
    await pass(100);
    await aPod('late', 'n1', 30);
    await pass(20);
    expect(isThere('late')).toBe(true);
    await pass(12);
    await until('its time is over', () => !isThere('late'));
  });
});
