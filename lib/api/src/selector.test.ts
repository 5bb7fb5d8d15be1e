import fc from 'fast-check';
import { parseFieldSelector } from './field-selector.ts';
import { everything, matcherOf, matcherOfLabels, nothing, parseLabelSelector } from './selector.ts';

const web = { app: 'web', tier: 'front', rank: '7' };

describe('parseLabelSelector', () => {
  it.each([
    ['', true],
    ['app', true],
    ['!app', false],
    ['app=web', true],
    ['app==web', true],
    ['app = web , tier=front', true],
    ['app=db', false],
    ['app!=db', true],
    ['missing!=db', true],
    ['app in (web, db)', true],
    ['app in (db)', false],
    ['app notin (db,cache)', true],
    ['missing notin (db)', true],
    ['missing in (db)', false],
    ['!missing,app', true],
    ['rank>6', true],
    ['rank>7', false],
    ['rank<10', true],
    ['app<10', false],
    ['constructor', false],
    ['empty=', false],
  ])('%j matches: %p', (text, expected) => {
    expect(parseLabelSelector(text).matches(web)).toBe(expected);
  });

  it('takes keywords as keys and values', () => {
    expect(parseLabelSelector('in=notin').matches({ in: 'notin' })).toBe(true);
    expect(parseLabelSelector('in in (in)').matches({ in: 'in' })).toBe(true);
  });

  it('takes an empty value', () => {
    expect(parseLabelSelector('a=').matches({ a: '' })).toBe(true);
    expect(parseLabelSelector('a in (,b)').matches({ a: '' })).toBe(true);
    expect(parseLabelSelector('a in (b,)').toString()).toBe('a in (,b)');
  });

  it.each([
    ['a,', "unable to parse requirement: found '', expected: identifier after ','"],
    [',a', "unable to parse requirement: found ',', expected: !, identifier, or 'end of string'"],
    ['=a', "unable to parse requirement: found '=', expected: !, identifier, or 'end of string'"],
    ['!=a', "unable to parse requirement: found '!=', expected: !, identifier, or 'end of string'"],
    ['a b', "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"],
    ['a=b c', "unable to parse requirement: found 'c', expected: ',' or 'end of string'"],
    ['!a=b', "unable to parse requirement: found '=', expected: ',' or 'end of string'"],
    ['a in b', "unable to parse requirement: found 'b' expected: '('"],
    ['a in (b', "unable to parse requirement: found '', expected: ',' or ')'"],
    ['a in (=', "unable to parse requirement: found '=', expected: ',', ')' or identifier"],
    ['a==(', "unable to parse requirement: found '(', expected: identifier"],
    [
      'a in ()',
      "unable to parse requirement: values: Invalid value: []: for 'in', 'notin' operators, values set can't be empty",
    ],
    [
      'a>b',
      `unable to parse requirement: values[0]: Invalid value: "b": for 'Gt', 'Lt' operators, the value must be an integer`,
    ],
    [
      '-a=b',
      "unable to parse requirement: key: Invalid value: \"-a\": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
    ],
  ])('refuses %j', (text, message) => {
    expect(() => parseLabelSelector(text)).toThrow(message);
  });

  it('writes what it reads, sorted by key', () => {
    expect(parseLabelSelector('b,a=1,!c,d!=2,e in (z,y),f notin (x),g>3').toString()).toBe(
      'a=1,b,!c,d!=2,e in (y,z),f notin (x),g>3',
    );
  });

  it('reads what it wrote as the same selector', () => {
    const word = fc.stringMatching(/^[a-z]{1,3}$/);
    const requirement = fc.oneof(
      word,
      word.map((key) => `!${key}`),
      fc.tuple(word, fc.constantFrom('=', '==', '!='), word).map((parts) => parts.join('')),
      fc
        .tuple(word, fc.constantFrom('in', 'notin'), fc.array(word, { minLength: 1, maxLength: 3 }))
        .map(([key, operator, values]) => `${key} ${operator} (${values.join(',')})`),
    );
    const labels = fc.dictionary(word, word, { maxKeys: 4 });
    fc.assert(
      fc.property(fc.array(requirement, { maxLength: 4 }), labels, (requirements, object) => {
        const first = parseLabelSelector(requirements.join(','));
        const second = parseLabelSelector(first.toString());
        expect(second.toString()).toBe(first.toString());
        expect(second.matches(object)).toBe(first.matches(object));
      }),
    );
  });

  it('answers or refuses any text, and nothing else', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        try {
          parseLabelSelector(text);
        } catch (error) {
          expect((error as Error).name).toBe('SelectorError');
        }
      }),
    );
  });
});

describe('matcherOf', () => {
  it('reads LabelSelector objects', () => {
    const matcher = matcherOf({
      matchLabels: { app: 'web' },
      matchExpressions: [
        { key: 'tier', operator: 'In', values: ['front', 'back'] },
        { key: 'old', operator: 'DoesNotExist' },
      ],
    });
    expect(matcher.matches(web)).toBe(true);
    expect(matcher.matches({ ...web, old: '' })).toBe(false);
    expect(matcher.toString()).toBe('app=web,!old,tier in (back,front)');
  });

  it('takes none as nothing and empty as everything', () => {
    expect(matcherOf(undefined)).toBe(nothing);
    expect(nothing.matches(web)).toBe(false);
    expect(nothing.isEverything).toBe(false);
    expect(matcherOf({})).toBe(everything);
    expect(everything.matches(undefined)).toBe(true);
    expect(matcherOfLabels({ app: 'web' }).matches(web)).toBe(true);
  });

  it('refuses an operator that is none', () => {
    expect(() => matcherOf({ matchExpressions: [{ key: 'a', operator: 'Maybe' }] })).toThrow(
      '"Maybe" is not a valid label selector operator',
    );
    // A decoder lets required fields be missing.
    expect(() => matcherOf(JSON.parse('{"matchExpressions":[{}]}'))).toThrow(
      '"" is not a valid label selector operator',
    );
  });
});

describe('parseFieldSelector', () => {
  const fields: Readonly<Record<string, string>> = { 'status.phase': 'Running', 'metadata.name': 'a=b,c' };
  const read = (field: string) => fields[field] ?? '';

  it.each([
    ['', true],
    ['status.phase=Running', true],
    ['status.phase==Running', true],
    ['status.phase!=Running', false],
    ['status.phase!=Failed,metadata.name=a\\=b\\,c', true],
    ['spec.nodeName=', true],
    ['spec.nodeName!=', false],
  ])('%j matches: %p', (text, expected) => {
    const selector = parseFieldSelector(text);
    expect(selector.matches(read)).toBe(expected);
    expect(parseFieldSelector(selector.toString()).matches(read)).toBe(expected);
  });

  it('refuses what it cannot understand and fields that are not there', () => {
    expect(() => parseFieldSelector('a')).toThrow("invalid selector: 'a'; can't understand 'a'");
    expect(() => parseFieldSelector('a=b=c')).toThrow("invalid selector: 'a=b=c'; can't understand 'a=b=c'");
    expect(() => parseFieldSelector('foo=1', (field) => field === 'bar')).toThrow('field label not supported: foo');
  });

  it('says which value a field must have', () => {
    expect(parseFieldSelector('spec.nodeName=n1,a!=b').exactValue('spec.nodeName')).toBe('n1');
    expect(parseFieldSelector('spec.nodeName!=n1').exactValue('spec.nodeName')).toBeUndefined();
  });
});
