import { freezeShared } from './shared-parts.ts';

const pod = (name: string, memory: string) => ({
  metadata: { name, labels: { app: 'web' } },
  spec: { containers: [{ name: 'main', resources: { limits: { memory } }, env: [{ name: 'A', value: name }] }] },
});

describe('freezeShared', () => {
  it('keeps once what two objects have in common deep down', () => {
    const [one, two] = [freezeShared(pod('one', '1Gi')), freezeShared(pod('two', '1Gi'))];
    expect(one).toEqual(pod('one', '1Gi'));
    expect(two).toEqual(pod('two', '1Gi'));
    expect(one.spec.containers[0]?.resources).toBe(two.spec.containers[0]?.resources);
  });

  it('keeps apart what differs', () => {
    const [one, two] = [freezeShared(pod('one', '1Gi')), freezeShared(pod('two', '2Gi'))];
    expect(one.spec.containers[0]?.resources.limits.memory).toBe('1Gi');
    expect(two.spec.containers[0]?.resources.limits.memory).toBe('2Gi');
    expect(one.spec.containers[0]?.env).not.toEqual(two.spec.containers[0]?.env);
  });

  it('keeps the order of members, which the bytes have too', () => {
    const text = '{"a":{"b":{"c":{"d":{"x":1,"y":2}}}}}';
    const turned = '{"a":{"b":{"c":{"d":{"y":2,"x":1}}}}}';
    expect(JSON.stringify(freezeShared(JSON.parse(text)))).toBe(text);
    expect(JSON.stringify(freezeShared(JSON.parse(turned)))).toBe(turned);
  });

  it('freezes everything', () => {
    const frozen = freezeShared({ a: { b: { c: { d: { e: { f: [1, { g: 2 }] } } } }, h: [{ i: {} }] } });
    const check = (value: unknown): void => {
      if (typeof value !== 'object' || value === null) return;
      expect(Object.isFrozen(value)).toBe(true);
      for (const member of Object.values(value)) check(member);
    };
    check(frozen);
  });

  it('goes on when more parts were seen than it remembers', () => {
    for (let i = 0; i < 10_000; i++) freezeShared({ a: { b: { c: { d: { i } } } } });
    expect(freezeShared({ a: { b: { c: { d: { i: 9_999 } } } } })).toEqual({ a: { b: { c: { d: { i: 9_999 } } } } });
  });
});
