import { aNode, aPod } from '../../testing/builders.ts';
import { finishedPodsMax, isOutOfService, planPodCollection } from './plan.ts';

describe('planPodCollection', () => {
  const targets = (pods: ReturnType<typeof aPod>[], goneNodes: string[] = [], off: string[] = []) =>
    planPodCollection({ pods, goneNodes: new Set(goneNodes), nodesOutOfService: new Set(off) }, 0).map((step) =>
      step.op === 'delete' || step.op === 'patch' ? `${step.op} ${step.target.metadata.name}` : step.op,
    );
  const leaving = { deletionTimestamp: '2026-01-01T00:00:00Z', deletionGracePeriodSeconds: 30 };

  it('leaves pods of nodes that are there, and pods that wait for one', () => {
    expect(targets([aPod({ node: 'n' }), aPod()])).toEqual([]);
  });

  it('marks pods of gone nodes as failed and removes them without waiting', () => {
    const pods = [
      aPod({ name: 'a', node: 'gone', ready: true }),
      aPod({ name: 'b', node: 'gone', phase: 'Succeeded' }),
    ];
    expect(targets(pods, ['gone'])).toEqual(['patch a', 'delete a', 'delete b']);
    const [step] = planPodCollection({ pods, goneNodes: new Set(['gone']), nodesOutOfService: new Set() }, 0);
    expect(step).toMatchObject({
      patch: {
        status: {
          phase: 'Failed',
          conditions: [
            { type: 'DisruptionTarget', reason: 'DeletionByPodGC', message: 'PodGC: node no longer exists' },
          ],
        },
      },
    });
  });

  it('removes pods that were deleted before they had a node', () => {
    expect(targets([aPod({ name: 'a', metadata: { name: 'a', ...leaving } })])).toEqual(['patch a', 'delete a']);
  });

  it('ends pods that are deleted on a node that is declared off, and leaves those that nobody has deleted', () => {
    const pods = [
      aPod({ name: 'a', node: 'off', metadata: { name: 'a', ...leaving } }),
      aPod({ name: 'b', node: 'off' }),
    ];
    expect(targets(pods, [], ['off'])).toEqual(['patch a', 'delete a']);
  });

  it('does not tell a pod twice that its finalizers hold', () => {
    const held = { name: 'a', ...leaving, deletionGracePeriodSeconds: 0, finalizers: ['example.com/held'] };
    expect(targets([aPod({ phase: 'Failed', metadata: held })])).toEqual([]);
  });

  it('keeps so many ended pods; evicted ones go first, then the oldest', () => {
    const ended = (name: string, second: number, reason?: string) => {
      const pod = aPod({ phase: 'Failed', metadata: { name, creationTimestamp: `2026-01-01T00:00:${10 + second}Z` } });
      return reason ? { ...pod, status: { ...pod.status, reason } } : pod;
    };
    const pods = Array.from({ length: finishedPodsMax }, (_, i) => ended(`p${i}`, 20));
    expect(targets(pods)).toEqual([]);
    const more = [...pods, ended('old', 0), ended('older', -0), ended('evicted', 40, 'Evicted')];
    expect(targets(more)).toEqual(['delete evicted', 'delete old', 'delete older']);
  });
});

describe('isOutOfService', () => {
  it('believes the taint only of a node that does not answer', () => {
    const taints = [{ key: 'node.kubernetes.io/out-of-service', value: 'nodeshutdown', effect: 'NoExecute' }];
    expect(isOutOfService(aNode('n', 'Unknown', { taints }))).toBe(true);
    expect(isOutOfService(aNode('n', 'True', { taints }))).toBe(false);
    expect(isOutOfService(aNode('n', 'Unknown'))).toBe(false);
  });
});
