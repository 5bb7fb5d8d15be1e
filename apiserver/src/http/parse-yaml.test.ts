import { parseYaml, YamlLimitError, yamlBytesMax } from './parse-yaml.ts';

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
    ['['.repeat(yamlBytesMax), 'limit is 40000 tokens of YAML'],
    ['['.repeat(10_000), 'Maximum call stack'],
  ])('refuses %#', (text, message) => expect(() => parseYaml(text)).toThrow(message));

  it('says where something is wrong', () => {
    expect(() => parseYaml('a: 1\nb: ]\n')).toThrow(
      'Unexpected flow-seq-end token in YAML stream: "]" at line 2, column 4',
    );
  });

  it('reads the widest map that fits, and no wider one', () => {
    const lines = (length: number) => Array.from({ length }, (_, index) => `key${index}: value`).join('\n');
    expect(Object.keys(parseYaml(lines(5_000)) as object)).toHaveLength(5_000);
    expect(() => parseYaml(lines(8_000))).toThrow(YamlLimitError);
  });

  it.each([
    ['comments', '#\n'.repeat(60_000)],
    ['items', '- a\n'.repeat(30_000)],
    ['a list in one line', `[${'1,'.repeat(60_000)}]`],
    ['aliases', `a: &a 1\n${'b: *a\n'.repeat(20_000)}`],
  ])('does not begin with too many %s', (_, text) => {
    expect(() => parseYaml(text)).toThrow(YamlLimitError);
  });
});
