import type { Pod } from '@slipway/api/types';
import { VirtualClock } from '@slipway/kit/virtual-clock';
import { PeerWatch } from './peer-watch.ts';
import { projectPod } from './peer-pod.ts';

describe('PeerWatch', () => {
  it('runs while it is needed and a minute longer, and then knows nobody', async () => {
    const clock = new VirtualClock();
    const running = new Set<string>();
    let lists = 0;
    const peers = new PeerWatch(
      ({ kind, cache }) =>
        (signal) =>
          new Promise((resolve) => {
            lists++;
            running.add(kind.kind);
            cache.replace([], 1n);
            signal.addEventListener('abort', () => {
              running.delete(kind.kind);
              resolve();
            });
          }),
      clock,
      () => {},
    );
    peers.need(false);
    expect(running.size).toBe(0);
    peers.need(true);
    expect([...running]).toEqual(['Namespace', 'Pod']);
    expect(peers.index.isSynced).toBe(true);
    peers.need(false);
    await clock.advance(50_000);
    peers.need(true);
    await clock.advance(60_000);
    expect([running.size, lists]).toEqual([2, 2]);
    peers.need(false);
    await clock.advance(60_000);
    expect([running.size, peers.index.isSynced]).toEqual([0, false]);
    peers.need(true);
    expect([running.size, lists]).toEqual([2, 4]);
    await peers.stop();
    expect(running.size).toBe(0);
  });
});

describe('projectPod', () => {
  it('keeps what policies ask about, and no more', () => {
    const pod: Pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'p', namespace: 'ns', uid: 'u', labels: { app: 'a' }, annotations: { secret: 'x' } },
      spec: {
        containers: [
          {
            name: 'a',
            image: 'i',
            env: [{ name: 'PASSWORD', value: 'x' }],
            ports: [{ name: 'web', containerPort: 80 }],
          },
          { name: 'b', image: 'i', args: ['x'] },
        ],
      },
      status: { phase: 'Running', podIP: '10.0.0.1', podIPs: [{ ip: '10.0.0.1' }], hostIP: '1.2.3.4' },
    };
    expect(projectPod(pod)).toEqual({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'p', namespace: 'ns', resourceVersion: '', labels: { app: 'a' } },
      spec: { containers: [{ name: 'a', ports: [{ name: 'web', containerPort: 80 }] }] },
      status: { phase: 'Running', podIP: '10.0.0.1', podIPs: [{ ip: '10.0.0.1' }] },
    });
  });
});
