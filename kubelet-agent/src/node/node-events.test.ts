import type { Node } from '@slipway/api/types';
import { nodeEvents } from './node-events.ts';

function node(conditions: Record<string, string>, unschedulable = false): Node {
  const list = Object.entries(conditions).map(([type, status]) => ({ type, status }));
  const spec = unschedulable ? { unschedulable } : {};
  return { apiVersion: 'v1', kind: 'Node', metadata: { name: 'n', uid: 'u' }, spec, status: { conditions: list } };
}

const told = (before: Node | undefined, after: Node | undefined) =>
  nodeEvents(before, after).map(({ message }) => message);

describe('nodeEvents', () => {
  it('tells of what a node has become', () => {
    expect(told(node({ Ready: 'False' }), node({ Ready: 'True' }))).toEqual(['Node n status is now: NodeReady']);
    expect(
      told(node({ Ready: 'True', DiskPressure: 'False' }), node({ Ready: 'False', DiskPressure: 'True' })),
    ).toEqual(['Node n status is now: NodeNotReady', 'Node n status is now: NodeHasDiskPressure']);
  });

  it('tells when it takes no more pods, and when it does again', () => {
    const ready = { Ready: 'True' };
    expect(told(node(ready), node(ready, true))).toEqual(['Node n status is now: NodeNotSchedulable']);
    expect(told(node(ready, true), node(ready))).toEqual(['Node n status is now: NodeSchedulable']);
  });

  it('tells nothing of what it did not see happen, or was said by others about a silent node', () => {
    const ready = node({ Ready: 'True' });
    expect(told(undefined, ready)).toEqual([]);
    expect(told(ready, undefined)).toEqual([]);
    expect(told(ready, node({ Ready: 'True' }))).toEqual([]);
    expect(told(ready, node({ Ready: 'Unknown' }))).toEqual([]);
    expect(told({ ...ready, metadata: { name: 'n', uid: 'former' } }, node({ Ready: 'False' }))).toEqual([]);
  });
});
