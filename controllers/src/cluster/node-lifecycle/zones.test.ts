import type { Node } from '@slipway/api/types';
import fc from 'fast-check';
import { aNode } from '../../testing/builders.ts';
import { nextEvictionInMs, ZoneBook } from './zones.ts';

const nowMs = Date.UTC(2026, 0, 1);

function inZone(name: string, zone: string, ready: boolean): Node {
  const node = aNode(name, ready ? 'True' : 'False');
  return { ...node, metadata: { name, labels: { 'topology.kubernetes.io/zone': zone } } };
}

/** Nodes that come, change and go, noted one by one. */
class Cluster {
  readonly book = new ZoneBook();
  readonly nodes = new Map<string, Node>();

  put(node: Node): readonly string[] {
    const name = node.metadata.name ?? '';
    const before = this.nodes.get(name);
    this.nodes.set(name, node);
    return this.book.note({ key: name, before, after: node });
  }

  remove(name: string): readonly string[] {
    const before = this.nodes.get(name);
    this.nodes.delete(name);
    return this.book.note({ key: name, before, after: undefined });
  }

  fill(zone: string, ready: number, notReady: number): void {
    for (let i = 0; i < ready + notReady; i++) this.put(inZone(`${zone}${i}`, zone, i < ready));
  }

  nextMs(name: string): number | undefined {
    return nextEvictionInMs(this.book.claim(this.nodes.get(name) as Node, nowMs), nowMs);
  }
}

describe('ZoneBook', () => {
  it.each([
    ['few of a zone fail', 9, 2, 10_000],
    ['most of a small zone fail', 4, 5, undefined],
    ['most of a large zone fail', 20, 40, 100_000],
    ['all of a zone fail, and others live', 0, 9, 10_000],
  ])('%s: the next one waits', (_, ready, notReady, waitMs) => {
    const cluster = new Cluster();
    cluster.fill('a', ready, notReady);
    cluster.fill('b', 3, 0);
    const [first, second] = [`a${ready}`, `a${ready + 1}`];
    expect(cluster.nextMs(first)).toBe(waitMs === undefined ? undefined : 0);
    // The first is asked again, for its write failed: it need not wait for itself.
    expect(cluster.nextMs(first)).toBe(waitMs === undefined ? undefined : 0);
    expect(cluster.nextMs(second)).toBe(waitMs);
  });

  it('gives nobody up when nobody answers, and says so to all when that changes', () => {
    const cluster = new Cluster();
    cluster.fill('a', 0, 2);
    cluster.fill('b', 1, 2);
    expect(cluster.put(inZone('b0', 'b', false)).toSorted()).toEqual(['a0', 'a1', 'b0', 'b1', 'b2']);
    expect(cluster.nextMs('a0')).toBeUndefined();
    expect(cluster.put(inZone('b0', 'b', true)).toSorted()).toEqual(['a0', 'a1', 'b1', 'b2']);
    expect(cluster.nextMs('a0')).toBe(0);
  });

  it('wakes the others of a zone only when its pace changes', () => {
    const cluster = new Cluster();
    cluster.fill('a', 7, 2);
    expect(cluster.put(inZone('a0', 'a', false))).toEqual([]);
    expect(cluster.put(inZone('a1', 'a', false))).toEqual([]);
    expect(cluster.put(inZone('a2', 'a', false)).toSorted()).toEqual(['a0', 'a1', 'a2', 'a7', 'a8']);
  });

  it('counts as one who counts anew', () => {
    const change = fc.record({
      name: fc.nat(7),
      zone: fc.constantFrom('a', 'b'),
      ready: fc.boolean(),
      gone: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 60 }), (changes) => {
        const cluster = new Cluster();
        for (const { name, zone, ready, gone } of changes) {
          if (gone) cluster.remove(`n${name}`);
          else cluster.put(inZone(`n${name}`, zone, ready));
        }
        const anew = new Cluster();
        for (const node of cluster.nodes.values()) anew.put(node);
        for (const node of cluster.nodes.values()) {
          expect(cluster.book.claim(node, nowMs)).toEqual(anew.book.claim(node, nowMs));
        }
      }),
    );
  });
});
