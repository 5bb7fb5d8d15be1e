import { bool, type CelType, double, dyn, int, listOf, mapOf, string, timestamp } from './cel-type.ts';
import { compileExpression } from './compile.ts';
import { CostMeter } from './cost-meter.ts';
import { typeOfSchema } from './schema-type.ts';
import { CelCompileError } from './syntax.ts';
import { CelUint } from './values.ts';

const spec = typeOfSchema({
  type: 'object',
  properties: {
    replicas: { type: 'integer' },
    ratio: { type: 'number' },
    name: { type: 'string', maxLength: 10 },
    'with-dash': { type: 'string' },
    namespace: { type: 'string' },
    when: { type: 'string', format: 'date-time' },
    ports: { type: 'array', maxItems: 10, items: { type: 'integer' } },
    labels: { type: 'object', additionalProperties: { type: 'string' } },
    counts: { type: 'object', additionalProperties: { type: 'integer' } },
    port: { 'x-kubernetes-int-or-string': true },
    any: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
    tags: { type: 'array', items: { type: 'string' }, 'x-kubernetes-list-type': 'set' },
    items: {
      type: 'array',
      items: { type: 'object', properties: { name: { type: 'string' }, value: { type: 'integer' } } },
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['name'],
    },
  },
});
const self = {
  replicas: 3,
  ratio: 2,
  name: 'web',
  'with-dash': 'd',
  namespace: 'ns',
  when: '2026-01-02T03:04:05Z',
  ports: [80, 443],
  labels: { a: 'x', 'b/c': 'y' },
  counts: { one: 1, two: 2 },
  port: 8080,
  any: { deep: [{ n: 1 }, { n: 2.5 }], text: 't' },
  tags: ['a', 'b'],
  items: [
    { name: 'x', value: 1 },
    { name: 'y', value: 2 },
  ],
};
const variables = { self: spec };

function evaluate(
  text: string,
  types: Record<string, CelType> = variables,
  values: Record<string, unknown> = { self },
) {
  return compileExpression(text, { variables: types }).evaluate(values);
}

/** Expressions that hold, by what they are about. */
const truths: Readonly<Record<string, readonly string[]>> = {
  literals: [
    '1 == 1',
    '-9223372036854775808 < 0',
    '0x10 == 16',
    '1u == uint(1)',
    '1.5e3 == 1500.0',
    "'a' + 'b' == 'ab'",
    'null == null',
    "b'abc' == bytes('abc')",
    '[1, 2] + [3] == [1, 2, 3]',
    "{'a': 1}['a'] == 1",
    "{1: 'x'}[1] == 'x'",
    "r'\\d' == '\\\\d'",
  ],
  arithmetic: [
    '7 / 2 == 3',
    '-7 / 2 == -3',
    '7 % 3 == 1',
    '-7 % 3 == -1',
    '1.0 / 0.0 > 1e300',
    '2 * 3 + 4 == 10',
    '1 < 2.5',
    '3u > 2',
    '-(1 + 1) == -2',
  ],
  logic: [
    'true || 1 / 0 == 1',
    '1 / 0 == 1 || true',
    '!(false && 1 / 0 == 1)',
    '!(1 / 0 == 1 && false)',
    'true ? true : false',
  ],
  fields: [
    'self.replicas == 3',
    'self.replicas + 1 == 4',
    'self.ratio * 2.0 == 4.0',
    "self.name == 'web'",

    "self.__namespace__ == 'ns'",
    'has(self.name)',
    'self.replicas > 2 && self.replicas <= 3',
    'type(self.replicas) == int',
    'type(self.ratio) == double',
    'type(self.port) == int',
    "self.port == 8080 || self.port == 'http'",
  ],
  unknown: [
    'self.any.deep[0].n == 1',
    'self.any.deep[1].n > 2.4',
    "self.any.text == 't'",
    '!has(self.any.other)',
    'self.any.deep.size() == 2',
    'type(self.any.text) == string',
    'self.any.deep.all(x, x.n > 0)',
    'self.any.deep.exists(x, x.n == 1)',
  ],
  lists: [
    '80 in self.ports',
    'self.ports[1] == 443',
    'self.ports.all(p, p > 0)',
    'self.ports.exists(p, p == 80)',
    'self.ports.exists_one(p, p == 80)',
    'self.ports.map(p, p + 1) == [81, 444]',
    'self.ports.map(p, p > 100, p * 2) == [886]',
    'self.ports.filter(p, p > 100) == [443]',
    'self.ports.isSorted()',
    'self.ports.sum() == 523',
    'self.ports.max() == 443',
    'self.ports.min() == 80',
    "['a', 'b', 'a'].indexOf('a') == 0",
    "['a', 'b', 'a'].lastIndexOf('a') == 2",
    'size(self.ports) == 2',
    'self.ports.all(i, p, i < 2 && p > 0)',
    '[3, 1, 2].all(x, x in [1, 2, 3])',
    'dyn([1, 2.0]).size() == 2',
    '[1, 2, 3].slice(1, 2) == [2]',
    '[[1], [2, 3]].flatten() == [1, 2, 3]',
    '[1, 1, 2].distinct() == [1, 2]',
    '[2, 1].sort() == [1, 2]',
  ],
  maps: [
    "'a' in self.labels",
    "self.labels['b/c'] == 'y'",
    'self.labels.all(k, size(k) < 5)',
    "self.labels.all(k, v, k.size() > 0 && v != '')",
    "self.labels.exists(k, self.labels[k] == 'y')",
    "self.counts['two'] == 2",
    'self.counts.one + 1 == 2',
    'size(self.labels) == 2',
    "self.labels.transformMap(k, v, v + '!')['a'] == 'x!'",
    'self.ports.transformList(i, p, i) == [0, 1]',
    "{'a': 1, 'b': 2} == {'b': 2, 'a': 1}",
  ],
  keyedLists: [
    "self.tags == ['b', 'a'] || self.tags.size() == 2",
    'self.items.all(x, x.value < 3)',
    "self.items.filter(x, x.name == 'y')[0].value == 2",
    "(self.tags + ['b', 'c']).size() == 3",
  ],
  strings: [
    "'hello'.contains('ell')",
    "'hello'.startsWith('he') && 'hello'.endsWith('lo')",
    "'hello'.matches('^h.*o$')",
    "'abc'.matches('b')",
    "'a1b22'.find('[0-9]+') == '1'",
    "'a1b22'.findAll('[0-9]+') == ['1', '22']",
    "'a1b22'.findAll('[0-9]+', 1) == ['1']",
    "'abc'.charAt(1) == 'b'",
    "'tacocat'.indexOf('ac', 3) == -1",
    "'tacocat'.lastIndexOf('ac') == 1 || true",
    "'AbC'.lowerAscii() == 'abc'",
    "'a b'.replace(' ', '-') == 'a-b'",
    "'aaa'.replace('a', 'b', 2) == 'bba'",
    "'a,b,c'.split(',') == ['a', 'b', 'c']",
    "'a,b,c'.split(',', 2) == ['a', 'b,c']",
    "'hello'.substring(1, 3) == 'el'",
    "' x '.trim() == 'x'",
    "['a', 'b'].join('-') == 'a-b'",
    "size('héllo') == 5",
    "size('😀') == 1",
    "'😀x'.charAt(1) == 'x'",
    "'%s has %d'.format(['x', 3]) == 'x has 3'",
    "'%.2f'.format([1.234]) == '1.23'",
    'strings.quote(\'a"b\') == \'"a\\\\"b"\'',
  ],
  conversions: [
    "int('42') == 42",
    "string(42) == '42'",
    'double(1) == 1.0',
    'int(1.9) == 1',
    "string(1.5) == '1.5'",
    "bool('true')",
    "uint('3') == 3u",
    "string(bytes('é')) == 'é'",
  ],
  times: [
    "self.when > timestamp('2026-01-01T00:00:00Z')",
    'self.when.getFullYear() == 2026',
    'self.when.getMonth() == 0',
    'self.when.getDayOfMonth() == 1',
    "duration('90m') == duration('1h30m')",
    "timestamp('2026-01-01T00:00:00Z') + duration('24h') == timestamp('2026-01-02T00:00:00Z')",
    "duration('1h').getMinutes() == 60",
    "self.when.getHours('+02:00') == 5",
    "self.when.getHours('Europe/Vienna') == 4",
    "string(duration('1.5s')) == '1.5s'",
  ],
  'names in backticks': [
    'self.`with-dash` == "d"',
    'self.`namespace` == "ns"',
    'has(self.`with-dash`)',
    'self.?`with-dash`.orValue("") == "d"',
  ],
  versions: [
    "semver('1.2.3').isLessThan(semver('1.10.0'))",
    "semver('1.0.0-alpha.1').isLessThan(semver('1.0.0-alpha.beta'))",
    "semver('1.0.0-rc.1').compareTo(semver('1.0.0')) == -1",
    "semver('1.0.0+a') == semver('1.0.0+b')",
    "semver('v1.2', true).minor() == 2 && semver('01.02', true).patch() == 0",
    "!isSemver('1.2') && isSemver('1.2', true) && !isSemver('01.2.3') && !isSemver('1.2.3-')",
    "semver('2.0.1').isGreaterThan(semver('2.0.0')) && semver('2.0.1').major() == 2",
    "type(semver('1.0.0')) == kubernetes.Semver",
  ],
  optionals: [
    "self.?name.orValue('x') == 'web'",
    'self.any.?none.orValue(1) == 1',
    '!self.any.?a.b.hasValue()',
    "self.labels[?'zz'].orValue('d') == 'd'",
    'self.ports[?9].orValue(0) == 0',
    'optional.of(1).optMap(x, x + 1).value() == 2',
    'optional.none().or(optional.of(2)).value() == 2',
    "optional.ofNonZeroValue('').hasValue() == false",
    '[?optional.none(), 1, ?optional.of(2)] == [1, 2]',
    "{?'a': optional.none(), 'b': 1, ?'c': optional.of(3)} == {'b': 1, 'c': 3}",
    '[?self.?any.text, ?self.?any.none].size() == 1',
    '[?true ? optional.of(1) : optional.none()] == [1]',
    "{?'k' + 'l': optional.of([?optional.of(1)])} == {'kl': [1]}",
    'self.ports[?0].orValue(0) == 80 && 80 in [?self.ports[?0]]',
    "{'?': '[?x]', 'y': r'{?'} == {'?': '[?x]', 'y': r'{?'}",
  ],
  network: [
    "isURL('https://a.b:80/p?q=1')",
    "url('https://a.b:80/p?q=1').getHost() == 'a.b:80'",
    "url('https://a.b:80/p').getHostname() == 'a.b'",
    "url('https://a.b:80/p').getPort() == '80'",
    "url('https://a.b/p').getEscapedPath() == '/p'",
    "url('https://a.b/?k=v').getQuery()['k'] == ['v']",
    "ip('10.0.0.1').family() == 4",
    "isIP('::1') && !isIP('300.1.1.1')",
    "ip('127.0.0.1').isLoopback()",
    "cidr('10.0.0.0/8').containsIP(ip('10.1.2.3'))",
    "cidr('10.0.0.0/8').containsCIDR('10.1.0.0/16')",
    "cidr('10.0.0.0/8').prefixLength() == 8",
    "ip.isCanonical('::1')",
    "string(ip('10.0.0.1')) == '10.0.0.1'",
    "cidr('10.1.0.0/8').masked() == cidr('10.0.0.0/8')",
  ],
  quantities: [
    "quantity('500m').isLessThan(quantity('1'))",
    "quantity('1Gi').compareTo(quantity('1024Mi')) == 0",
    "quantity('1').add(quantity('500m')) == quantity('1500m')",
    "quantity('50k').asInteger() == 50000",
    "isQuantity('1Ki') && !isQuantity('x')",
    "quantity('-1').sign() == -1",
    "quantity('50k').sub(1000).asApproximateFloat() == 49000.0",
  ],
  sets: ['sets.contains([1, 2, 3], [2])', 'sets.intersects([1], [1, 2])', 'sets.equivalent([1, 2], [2, 1, 1])'],
  formats: [
    "!format.dns1123Label().validate('abc').hasValue()",
    "format.named('uuid').value().validate('x').hasValue()",
    "format.dns1123Subdomain().validate('A').value().size() > 0",
  ],
  binding: ['cel.bind(x, self.replicas * 2, x + x == 12)'],
};

const messages = (name: string) =>
  name === 'Point'
    ? { name, field: (field: string) => (field === 'x' || field === 'a-b' ? int : undefined) }
    : undefined;

describe('messages', () => {
  const run = (text: string) => compileExpression(text, { variables: {}, messages }).evaluate({});
  it.each([
    ['Point{x: 1}.x == 1', true],
    ['Point { x: 1, `a-b`: 2 }.`a-b` == 2', true],
    ['[Point{x: 1}, Point{?x: optional.none()}].size() == 2', true],
    ['has(Point{x: 1}.x)', true],
  ])('%s', (text, result) => {
    expect(run(text)).toBe(result);
  });

  it.each([
    ['Other{x: 1}', "ERROR: <input>:1:6: undeclared reference to 'Other' (in container '')"],
    ['Point{y: 1}', "ERROR: <input>:1:7: undefined field 'y'"],
    ["Point{x: 'a'}", "expected type of field 'x' is 'int' but provided type is 'string'"],
    ['[?1]', "expected type 'optional_type(int)' but found 'int'"],
    ["{?'a': 1}", "expected type 'optional_type(int)' but found 'int'"],
  ])('%s is refused', (text, problem) => {
    expect(() => run(text)).toThrow(problem);
  });

  it('is done with hostile texts at once', () => {
    expect(() => run('Object{'.repeat(5_000))).toThrow(CelCompileError);
    expect(() => run(`"${'\\'.repeat(50_000)}`)).toThrow(CelCompileError);
    expect(() => run('[?'.repeat(20_000))).toThrow(CelCompileError);
  });
});

describe('expressions that hold', () => {
  for (const [theme, texts] of Object.entries(truths)) {
    it.each(texts)(`${theme}: %s`, (text) => {
      expect(evaluate(text)).toBe(true);
    });
  }

  it('knows escaped names', () => {
    expect(evaluate("self.with__dash__dash == 'd'")).toBe(true);
  });
});

describe('failures while running, in upstream words', () => {
  it.each([
    ['1 / 0 == 1', 'division by zero'],
    ['1 % 0 == 1', 'modulus by zero'],
    ['9223372036854775807 + 1 == 0', 'integer overflow'],
    ['self.ports[5] == 1', 'index out of bounds: 5'],
    ["self.labels['zz'] == 'x'", 'no such key: zz'],
    ['self.any.none == 1', 'no such key: none'],
    ["self.port + 'x' == 'y'", 'no such overload'],
    ['[].map(x, x).max() == 1', 'max called on empty list'],
    ['optional.none().value() == 1', 'optional.none() dereference'],
    ["semver('1.2') == semver('1.2')", 'No Major.Minor.Patch elements found'],
    ["semver('1.02.3').major() == 1", 'Minor number must not contain leading zeroes "02"'],
  ])('%s', (text, message) => {
    expect(() => evaluate(text)).toThrow(message);
  });
});

describe('texts that are no expressions of the types', () => {
  it.each([
    ['self.nope == 1', "undefined field 'nope'"],
    ['self.replicas == "a"', "found no matching overload for '_==_' applied to '(int, string)'"],
    ['self.replicas + 1.0 > 1.0', "found no matching overload for '_+_' applied to '(int, double)'"],
    ['other.x', "undeclared reference to 'other' (in container '')"],
    ['nope(1)', "undeclared reference to 'nope' (in container '')"],
    ['self.name.contains(1)', "found no matching overload for 'contains' applied to 'string.(int)'"],
    ['self.replicas.all(x, true)', 'cannot be range of a comprehension'],
    ['self.', 'Syntax error'],
    ['1 +', 'Syntax error'],
  ])('%s', (text, message) => {
    expect(() => evaluate(text)).toThrow(CelCompileError);
    expect(() => evaluate(text)).toThrow(message);
  });

  it('points at the place', () => {
    expect(() => evaluate('self.nope')).toThrow("ERROR: <input>:1:5: undefined field 'nope'\n | self.nope\n | ....^");
  });

  it('asks for the type that is expected', () => {
    expect(() => compileExpression('self.replicas', { variables, expect: bool })).toThrow('must evaluate to a bool');
  });
});

describe('cost', () => {
  it('stops an expression that runs too long', () => {
    const list = Array.from({ length: 2000 }, (_, i) => i);
    const program = compileExpression('l.all(a, l.all(b, l.all(c, a + b + c >= 0)))', {
      variables: { l: listOf(int) },
    });
    expect(() => program.evaluate({ l: list })).toThrow('operation cancelled: actual cost limit exceeded');
  });

  const large = {
    ints: Array.from({ length: 1000 }, (_, i) => i),
    names: Array.from({ length: 1000 }, (_, i) => `name-${i}`),
    map: Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`k${i}`, i])),
    times: new Array<string>(1000).fill('2026-01-02T03:04:05Z'),
    keyed: Array.from({ length: 1000 }, (_, i) => ({ name: `n${i}`, value: i })),
    any: { map: Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`k${i}`, i])) },
  };
  const largeType = typeOfSchema({
    type: 'object',
    properties: {
      ints: { type: 'array', items: { type: 'integer' } },
      names: { type: 'array', items: { type: 'string' } },
      map: { type: 'object', additionalProperties: { type: 'integer' } },
      times: { type: 'array', items: { type: 'string', format: 'date-time' } },
      keyed: {
        type: 'array',
        items: { type: 'object', properties: { name: { type: 'string' }, value: { type: 'integer' } } },
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['name'],
      },
      any: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
    },
  });
  const spentBy = (text: string) => {
    const meter = new CostMeter(Number.POSITIVE_INFINITY);
    compileExpression(text, { variables: { self: largeType } }).evaluate({ self: large }, meter);
    return meter.spent;
  };

  /** Steps over elements, entries and characters that the expression takes at least, whatever upstream counts for it. */
  it.each([
    ['self.map.size() > 0', 1000],
    ['self.any.map.size() > 0', 500],
    ['self.map == self.map', 2000],
    ['self.any.map == {"a": 1}', 1000],
    ['self.ints == self.ints', 1000],
    ['self.names == self.names.map(n, n)', 1000],
    ['self.ints.sum() > 0', 1000],
    ['self.times.all(t, t > timestamp("2020-01-01T00:00:00Z"))', 10_000],
    ['(self.keyed + self.keyed).size() == 1000', 20_000],
    ['self.map.all(k, k != "")', 4000],
    ['self.names.all(n, n.matches("name-[0-9]+"))', 25_000],
    ['self.ints.all(i, isQuantity("1Mi"))', 40_000],
    ['self.ints.all(i, isIP("10.0.0.1"))', 40_000],
    ['self.ints.all(i, isSemver("1.2.3"))', 40_000],
  ])('%s is paid for by what it walks', (text, least) => {
    expect(spentBy(text)).toBeGreaterThan(least);
  });

  it('pays once for what is read again and again', () => {
    expect(spentBy('[1, 2, 3, 4].all(i, self.map.size() > i)')).toBeLessThan(
      spentBy('self.map.size() > 0') + spentBy('[1, 2, 3, 4].all(i, self.ints[0] < i)'),
    );
  });

  it('does not let || swallow the end of the budget', () => {
    const program = compileExpression('l.all(a, l.all(b, true)) || true', { variables: { l: listOf(int) } });
    expect(() => program.evaluate({ l: new Array(2000).fill(1) })).toThrow('actual cost limit exceeded');
  });

  it('counts', () => {
    const meter = new CostMeter(100);
    compileExpression('self.replicas > 1', { variables }).evaluate({ self }, meter);
    expect(meter.spent).toBeGreaterThan(1);
    expect(meter.spent).toBeLessThan(10);
  });

  it('estimates by the bounds of the schema', () => {
    const estimate = (text: string) => compileExpression(text, { variables }).estimatedCost;
    expect(estimate('self.replicas > 1')).toBeLessThan(10);
    expect(estimate('self.ports.all(p, p > 0)')).toBeLessThan(200);
    expect(estimate('self.tags.all(t, self.tags.all(u, t != u || true))')).toBeGreaterThan(10_000_000);
  });

  it('takes the size of a text for one step before it runs, as upstream, and counts the walk while it runs', () => {
    const program = compileExpression('size(s) > 0', { variables: { s: string } });
    expect(program.estimatedCost).toBeLessThan(10);
    expect(() => program.evaluate({ s: 'x'.repeat(10_000) }, new CostMeter(500))).toThrow('actual cost limit exceeded');
  });

  // In time that doubles with each character neither would end.
  it('matches hostile patterns in linear time', () => {
    const program = compileExpression("s.matches('^(a+)+$')", { variables: { s: string } });
    expect(program.evaluate({ s: `${'a'.repeat(5000)}b` })).toBe(false);
  });
});

describe('the size of strings in estimates', () => {
  it.each([
    [{ maxLength: 10 }, 40],
    [{ maxLength: 10, enum: ['a', 'abc'] }, 40],
    [{ enum: ['a', 'abc'] }, 3],
    [{}, 3 * 1024 * 1024 - 2],
  ])('%j: upstream counts bytes, four to a character', (schema, max) => {
    expect(typeOfSchema({ type: 'string', ...schema })).toEqual({ kind: 'string', max });
  });
});

describe('variables', () => {
  it('reads numbers by their declared types', () => {
    expect(evaluate('a + 1', { a: int }, { a: 1 })).toBe(2n);
    expect(evaluate('a + 1.0', { a: double }, { a: 1 })).toBe(2);
    expect(evaluate('a', { a: dyn }, { a: 1 })).toBe(1n);
    expect(evaluate('a', { a: timestamp }, { a: '1970-01-01T00:00:01Z' })).toMatchObject({ nanos: 1_000_000_000n });
    expect(evaluate('1u', {}, {})).toEqual(new CelUint(1n));
    expect(evaluate('m.x', { m: mapOf(string, int) }, { m: { x: 5 } })).toBe(5n);
  });

  it('says which variables are used', () => {
    const { uses } = compileExpression('self.replicas > 1', { variables: { self: spec, oldSelf: spec } });
    expect([...uses]).toEqual(['self']);
  });

  it('takes __proto__ and its like for plain keys', () => {
    const hostile = JSON.parse('{"any": {"__proto__": {"x": 1}}}') as object;
    expect(evaluate('has(self.any.constructor)', variables, { self: hostile })).toBe(false);
    expect(evaluate("self.any['__proto__'].x == 1", variables, { self: hostile })).toBe(true);
  });
});
