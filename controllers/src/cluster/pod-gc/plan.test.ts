import { aPod } from '../../testing/builders.ts';
import { planPodCollection } from './plan.ts';

describe('planPodCollection', () => {
  const targets = (pods: ReturnType<typeof aPod>[], goneNodes: string[] = []) =>
    planPodCollection({ pods, goneNodes: new Set(goneNodes) }, 0).map((step) =>
      step.op === 'delete' || step.op === 'patch' ? `${step.op} ${step.target.metadata.name}` : step.op,
    );

  it('leaves pods of nodes that are there, and pods that wait for one', () => {
    expect(targets([aPod({ node: 'n' }), aPod()])).toEqual([]);
  });

  it('marks pods of gone nodes as failed and removes them without waiting', () => {
    const pods = [
      aPod({ name: 'a', node: 'gone', ready: true }),
      aPod({ name: 'b', node: 'gone', phase: 'Succeeded' }),
    ];
    expect(targets(pods, ['gone'])).toEqual(['patch a', 'delete a', 'delete b']);
  });

  it('removes pods that were deleted before they had a node', () => {
    const leaving = { deletionTimestamp: '2026-01-01T00:00:00Z' };
    expect(targets([aPod({ name: 'a', metadata: { name: 'a', ...leaving } })])).toEqual(['delete a']);
  });
});
