import { aNode } from '../../testing/builders.ts';
import { planNodeTtl, ttlAnnotation, ttlSeconds } from './plan.ts';

describe('ttlSeconds', () => {
  it.each([
    [0, undefined, 0],
    [100, undefined, 0],
    [101, undefined, 15],
    [95, 15, 15],
    [95, 0, 0],
    [89, 15, 0],
    [501, 15, 30],
    [5000, 0, 300],
    [1850, 300, 300],
    [1799, 300, 60],
  ])('%i nodes, %s s before: %i s', (nodes, before, seconds) => {
    expect(ttlSeconds(nodes, before)).toBe(seconds);
  });
});

describe('planNodeTtl', () => {
  it('writes what is not there yet', () => {
    const node = aNode('n', 'True');
    const annotated = { ...node, metadata: { ...node.metadata, annotations: { [ttlAnnotation]: '0', other: 'x' } } };
    expect(planNodeTtl({ node, seconds: 0 }).steps).toMatchObject([
      { op: 'patch', patch: { metadata: { annotations: { [ttlAnnotation]: '0' } } } },
    ]);
    expect(planNodeTtl({ node: annotated, seconds: 0 }).steps).toEqual([]);
    expect(planNodeTtl({ node: annotated, seconds: 15 }).steps).toHaveLength(1);
  });
});
