import { parseYaml, yamlBytesMax } from './parse-yaml.ts';

describe('parseYaml', () => {
  it('reads one document', () => {
    expect(parseYaml('a: {b: [1, yes, "x"]}\nc: |\n  d\n')).toEqual({ a: { b: [1, true, 'x'] }, c: 'd\n' });
    expect(parseYaml('base: &b {x: 1}\nmore:\n  <<: *b\n  z: 2\n')).toEqual({ base: { x: 1 }, more: { x: 1, z: 2 } });
  });

  it.each([
    ['a: 1\nb: 2\na: 3\n', 'unmarshal errors: line 3: key "a" already set in map'],
    ['a: {b: 1, b: 2}', 'key "b" already set in map'],
    ['a: 1\n---\nb: 2\n', 'multiple documents'],
    ['a: ]', 'Unexpected flow-seq-end'],
    ['&a a: [*b]', 'Unresolved alias'],
    [`- &a x\n${'- *a\n'.repeat(200)}`, 'Excessive alias count'],
    ['['.repeat(yamlBytesMax), 'Maximum call stack'],
  ])('refuses %#', (text, message) => expect(() => parseYaml(text)).toThrow(message));

  it('reads the widest map that fits', () => {
    const lines = Array.from({ length: 11_000 }, (_, index) => `k${index}: v`);
    expect(Object.keys(parseYaml(lines.join('\n')) as object)).toHaveLength(lines.length);
  });
});
